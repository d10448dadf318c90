import { createHash } from 'node:crypto'
import type { Request, Response, Router } from 'express'
import { InterlockError, type Problem } from '#domain/errors.ts'
import type { Database } from '#store/database.ts'
import { requireCaller } from './auth.ts'
import { isStorable, maxJsonBytes, parseJson, readBody, requireMediaType } from './body.ts'
import { withIdempotency } from './idempotency.ts'
import type { Operation, Reply } from './operation.ts'
import { requireRole } from './permissions.ts'
import { type Checked, compile, compileQuery, type Validator } from './validate.ts'

/** What every operation needs beside its own work. */
export interface MountDeps {
  readonly db: Database
  readonly clock: { nowMs(): number }
}

interface Checks {
  readonly params: Validator<unknown>
  readonly query: Validator<unknown>
  readonly body: Validator<unknown> | null
}

/**
 * Mounts operations in order. Each request passes: key, role, path, query, body, idempotency key, handler. Schemas are compiled
 * here, once; a known address with another method answers METHOD_NOT_ALLOWED.
 */
export function mountOperations<Deps extends MountDeps>(
  router: Router,
  operations: readonly Operation<Deps>[],
  deps: Deps,
): void {
  const methods = new Map<string, string[]>()
  for (const operation of operations) {
    const path = expressPath(operation)
    const checks = compileChecks(operation)
    router[operation.method](path, async (req, res) => {
      const reply = await serve(operation, checks, deps, req, res)
      if (reply !== null) send(res, reply)
    })
    methods.set(path, [...(methods.get(path) ?? []), operation.method.toUpperCase()])
  }
  for (const [path, allowed] of methods) {
    router.all(path, (req, res) => {
      requireCaller(req)
      res.setHeader('allow', allowed.join(', '))
      throw new InterlockError(
        'METHOD_NOT_ALLOWED',
        `${req.method} is not possible here; possible: ${allowed.join(', ')}`,
      )
    })
  }
}

/** `/api/models/{provider}/{model}` -> `/api/models/:provider/*model`. */
export function expressPath(operation: Pick<Operation<never>, 'path' | 'params'>): string {
  return operation.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const schema = operation.params[name]
    if (schema === undefined) throw new Error(`${operation.path}: no schema for parameter "${name}"`)
    return 'x-spans-slashes' in schema ? `*${name}` : `:${name}`
  })
}

function compileChecks(operation: Operation<never>): Checks {
  const object = (properties: object) => ({ type: 'object', properties, additionalProperties: false }) as const
  return {
    params: compile(object(operation.params)),
    query: compileQuery(object(operation.query)),
    body: operation.body?.kind === 'json' ? compile(operation.body.schema) : null,
  }
}

async function serve<Deps extends MountDeps>(
  operation: Operation<Deps>,
  checks: Checks,
  deps: Deps,
  req: Request,
  res: Response,
): Promise<Reply | null> {
  const caller = requireCaller(req)
  requireRole(caller, operation.action)
  const params = checkParams(operation, checks.params, req)
  const query = checkQuery(checks.query, req)
  const { bytes, body, mediaType } = await readAndCheckBody(operation, checks, req)
  const run = () => operation.handle(deps, { caller, params, query, body, mediaType, req, res } as never)
  if (operation.method === 'get') return run()
  const fingerprint = createHash('sha256').update(`${req.method} ${req.originalUrl}\n`).update(bytes).digest('hex')
  return withIdempotency(deps, { req, caller, fingerprint, secretFields: operation.secretFields }, run)
}

function checkParams(operation: Operation<never>, validate: Validator<unknown>, req: Request): unknown {
  const sent = Object.fromEntries(
    Object.keys(operation.params).map((name) => {
      const value = req.params[name]
      return [name, Array.isArray(value) ? value.join('/') : value]
    }),
  )
  const checked = validate(sent)
  if ('value' in checked) return checked.value
  // Nothing can have such a name, so there is nothing to read or remove.
  if (operation.method === 'get' || operation.method === 'delete') {
    throw new InterlockError('NOT_FOUND', `there is nothing at this address: ${sentence(checked.problems, '{', '}')}`)
  }
  throw invalid('the address is not valid', checked.problems, (path) => `{${path.slice(1)}}`)
}

function checkQuery(validate: Validator<unknown>, req: Request): unknown {
  const sent = new Map<string, string>()
  const problems: Problem[] = []
  for (const [name, value] of new URL(req.originalUrl, 'http://localhost').searchParams) {
    if (sent.has(name)) problems.push({ path: `/${name}`, message: 'is given twice' })
    if (!isStorable(value)) problems.push({ path: `/${name}`, message: 'holds a NUL character' })
    sent.set(name, value)
  }
  const checked: Checked<unknown> = problems.length > 0 ? { problems } : validate(Object.fromEntries(sent))
  if ('value' in checked) return checked.value
  throw invalid('the query is not valid', checked.problems, (path) => `?${path.slice(1)}`)
}

async function readAndCheckBody(
  operation: Operation<never>,
  checks: Checks,
  req: Request,
): Promise<{ readonly bytes: Buffer; readonly body: unknown; readonly mediaType: string }> {
  const spec = operation.body
  if (spec === null) {
    const bytes = operation.method === 'get' ? Buffer.alloc(0) : await readBody(req, maxJsonBytes)
    return { bytes, body: bytes, mediaType: '' }
  }
  if (spec.kind === 'bytes') {
    const mediaType = requireMediaType(req, spec.mediaTypes)
    const bytes = await readBody(req, spec.maxBytes)
    return { bytes, body: bytes, mediaType }
  }
  const isAbsent = spec.isOptional === true && req.headers['content-type'] === undefined
  const mediaType = isAbsent ? '' : requireMediaType(req, ['application/json'])
  const bytes = await readBody(req, maxJsonBytes)
  const sent: unknown = isAbsent && bytes.length === 0 ? {} : parseJson(bytes)
  const checked = checks.body?.(sent) ?? { problems: [] }
  if ('problems' in checked) throw invalid('the body is not valid', checked.problems, (path) => path)
  return { bytes, body: checked.value, mediaType }
}

function invalid(what: string, problems: readonly Problem[], rename: (path: string) => string): InterlockError {
  const renamed = problems.map(({ path, message }) => ({ path: rename(path), message }))
  return new InterlockError('VALIDATION_FAILED', `${what}: ${sentence(renamed, '', '')}; nothing was changed`, renamed)
}

/** The first problem, and how many more there are. */
function sentence(problems: readonly Problem[], open: string, close: string): string {
  const first = problems[0]
  if (first === undefined) return 'it does not fit'
  const place = open === '' ? first.path : `${open}${first.path.slice(1)}${close}`
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  return `${place === '' ? 'it' : place} ${first.message}${more}`
}

/** Sends a reply as JSON. */
export function send(res: Response, reply: Reply): void {
  for (const [name, value] of Object.entries(reply.headers ?? {})) res.setHeader(name, value)
  res.status(reply.status)
  if (reply.body === undefined) res.end()
  else res.json(reply.body)
}
