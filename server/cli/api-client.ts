import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type CliIo, CommandFailure, exitCodes, printable } from './io.ts'

export interface ApiRequest {
  readonly method: 'GET' | 'POST'
  /** Path below the server's address; parts that come from a person are encoded by the caller. */
  readonly path: string
  readonly body?: unknown
  /** A file instead of JSON; the answer may take as long as reading it does. */
  readonly file?: { readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string }
  /** Ends this call early, on top of the command's own signal. */
  readonly signal?: AbortSignal
}

/** One server and one key. `call` returns the parsed JSON of a 2xx answer. */
export interface ApiClient {
  readonly url: URL
  /** @throws CommandFailure for every other outcome, with the exit code that says which */
  call(request: ApiRequest): Promise<unknown>
}

/** A refusal by the server; `status` tells a caller that knows what to do with one (404) apart from the rest. */
export class ApiFailure extends CommandFailure {
  readonly status: number
  constructor(status: number, lines: readonly string[]) {
    super(exitCodeOf(status), ...lines)
    this.name = 'ApiFailure'
    this.status = status
  }
}

const defaultUrl = 'http://127.0.0.1:8080'
const answerTimeoutMs = 30_000
const fileTimeoutMs = 180_000

/**
 * The client of `INTERLOCK_URL` with the key of `--key-file` or `INTERLOCK_KEY`. A key is never a flag: command lines are
 * visible to every user of the machine.
 *
 * @throws CommandFailure when the address is no http(s) URL, the file can't be read, or there is no key
 */
export async function connect(io: CliIo, keyFile: string | undefined): Promise<ApiClient> {
  const url = readUrl(io.env['INTERLOCK_URL'] || defaultUrl)
  const key = keyFile === undefined ? io.env['INTERLOCK_KEY'] : await readKeyFile(keyFile)
  if (key === undefined || key === '') {
    throw new CommandFailure(exitCodes.notAllowed, 'no API key: set INTERLOCK_KEY or give --key-file PATH')
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new CommandFailure(
      exitCodes.usage,
      'the API key holds spaces or characters that no key has; is the file right?',
    )
  }
  return { url, call: (request) => callOnce(url, key, request, io) }
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new CommandFailure(exitCodes.usage, 'INTERLOCK_URL must be a URL such as https://interlock.example:8080')
  }
  url.pathname = url.pathname.replace(/\/*$/, '/')
  url.search = ''
  url.hash = ''
  return url
}

async function readKeyFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'unknown error'
    throw new CommandFailure(exitCodes.usage, `the key file "${printable(path)}" can't be read (${code})`)
  }
}

async function callOnce(url: URL, key: string, request: ApiRequest, io: CliIo): Promise<unknown> {
  const signal = request.signal === undefined ? io.signal : AbortSignal.any([io.signal, request.signal])
  const response = await send(url, headersOf(key, request), request, signal)
  const body = await readBody(response, url, signal)
  if (response.ok) return body
  throw new ApiFailure(response.status, problemLines(response.status, body))
}

function headersOf(key: string, request: ApiRequest): Record<string, string> {
  const headers = { authorization: `Bearer ${key}`, accept: 'application/json' }
  if (request.method === 'GET') return headers
  const type = request.file?.type ?? 'application/json'
  return { ...headers, 'content-type': type, 'idempotency-key': randomUUID() }
}

/** A connection that breaks is tried once more: the idempotency key keeps a write from happening twice. */
async function send(
  url: URL,
  headers: Record<string, string>,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<Response> {
  const timeoutMs = request.file === undefined ? answerTimeoutMs : fileTimeoutMs
  const body = request.file?.bytes ?? (request.body === undefined ? null : JSON.stringify(request.body))
  const attempt = () =>
    fetch(new URL(request.path.replace(/^\//, ''), url), {
      method: request.method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      body,
    })
  try {
    return await attempt().catch((error: unknown) => (isBroken(error) ? attempt() : Promise.reject(error)))
  } catch (error) {
    throw notReached(url, error, signal)
  }
}

function causeOf(error: unknown): string | undefined {
  return (error as { cause?: { code?: string } }).cause?.code
}

function isBroken(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(causeOf(error) ?? '')
}

async function readBody(response: Response, url: URL, signal: AbortSignal): Promise<unknown> {
  const type = response.headers.get('content-type') ?? ''
  try {
    const text = await response.text()
    if (/\bjson\b/.test(type)) return JSON.parse(text)
  } catch (error) {
    throw notReached(url, error, signal)
  }
  throw new CommandFailure(
    exitCodes.unreachable,
    `${url.origin} answered ${response.status} without JSON: is INTERLOCK_URL an Interlock server?`,
  )
}

function notReached(url: URL, error: unknown, signal: AbortSignal): CommandFailure {
  if (signal.aborted) return new CommandFailure(exitCodes.unreachable, 'interrupted before the server had answered')
  const name = error instanceof Error ? error.name : 'unknown error'
  const why = name === 'TimeoutError' ? 'no answer in time' : (causeOf(error) ?? name)
  return new CommandFailure(
    exitCodes.unreachable,
    `${url.origin} was not reached (${why}); is the server running, and is INTERLOCK_URL right?`,
  )
}

/** What was asked was wrong: 2. What was asked can't be done in this state: 1. The server can't answer now: 5. */
function exitCodeOf(status: number) {
  if (status === 401 || status === 403) return exitCodes.notAllowed
  if (status === 409) return exitCodes.failed
  if (status === 429 || status >= 500) return exitCodes.unreachable
  return exitCodes.usage
}

/** A problem+json body as lines: what is wrong, then one line per faulty place. */
function problemLines(status: number, body: unknown): string[] {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const message = [problem['detail'], problem['title']].find((text) => typeof text === 'string' && text !== '')
  const errors = Array.isArray(problem['errors']) ? (problem['errors'] as Record<string, unknown>[]) : []
  const places = errors.map((error) => `  ${printable(`${error['path'] || '/'}: ${error['message']}`)}`)
  return [`${printable(String(message ?? 'the server refused'))} (${status})`, ...places]
}
