import { type Behaviour, chunk, completion, finish, role, sends, streams, words } from '#test/support/fake-upstream.ts'

/**
 * The shapes in which an answer is cut short or malformed (F31 to F35), each with the class it must be given. `before`: nothing
 * of the answer can be used, another target is tried. `after`: content has been passed on, the client is told by an error event.
 */
export interface FaultShape {
  readonly name: string
  readonly asked: 'stream' | 'json'
  readonly when: 'before' | 'after'
  readonly errorClass: string
  readonly behaviour: Behaviour
}

const streamed = (...shapes: readonly [string, FaultShape['when'], string, Behaviour][]): FaultShape[] =>
  shapes.map(([name, when, errorClass, behaviour]) => ({ name, asked: 'stream', when, errorClass, behaviour }))

const inOnePiece = (...shapes: readonly [string, string, Behaviour][]): FaultShape[] =>
  shapes.map(([name, errorClass, behaviour]) => ({ name, asked: 'json', when: 'before', errorClass, behaviour }))

const content = words('one two three ')
const dataOf = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
const sse = (...values: readonly unknown[]) => values.map(dataOf).join('')
const whole = JSON.stringify(completion('hello'))

/** Writes bytes past the HTTP server, so that they may break its rules. @param ending how the connection ends; 'open': it stays */
function raw(bytes: string | Buffer, ending: 'fin' | 'reset' | 'open' = 'fin'): Behaviour {
  return (_call, res) => {
    const { socket } = res
    if (socket === null) throw new Error('the connection is gone')
    socket.write(bytes, () => {
      if (ending === 'fin') socket.end()
      if (ending === 'reset') setImmediate(() => socket.resetAndDestroy())
    })
  }
}

const head = (...headers: readonly string[]) => `${['HTTP/1.1 200 OK', ...headers].join('\r\n')}\r\n\r\n`
const streamHead = head('content-type: text/event-stream', 'transfer-encoding: chunked')
const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const lastChunk = '0\r\n\r\n'

/** One byte at a time, for ever. */
const drips: Behaviour = async (call, res) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  const text = sse(role(), ...content).repeat(200)
  let at = 0
  const timer = setInterval(() => {
    res.write(text.charAt(at % text.length))
    at += 1
  }, 5)
  await call.closed
  clearInterval(timer)
}

const truncations = streamed(
  ['no reply', 'before', 'timeout', () => undefined],
  ['a slow first token', 'before', 'timeout', streams([role()], 'hang')],
  ['a stall in mid-stream', 'after', 'timeout', streams([role(), ...content], 'hang')],
  ['a drip of single bytes', 'before', 'timeout', drips],
  ['a reset before content', 'before', 'connection', streams([role()], 'reset')],
  ['a reset in mid-stream', 'after', 'stream_truncated', streams([role(), ...content], 'reset')],
  [
    'a FIN inside a chunk',
    'after',
    'stream_truncated',
    raw(`${streamHead}${chunked(sse(role(), ...content))}fff\r\ndata: {"choi`),
  ],
  ['no terminal marker', 'after', 'stream_truncated', streams([role(), ...content, finish()])],
  ['no terminal marker and no finish', 'after', 'stream_truncated', streams([role(), ...content])],
  [
    'a cut inside an event',
    'after',
    'stream_truncated',
    raw(`${streamHead}${chunked(`${sse(role(), ...content)}data: {"choices":[{"delta":{"cont`)}${lastChunk}`),
  ],
  ['no finish reason', 'after', 'stream_truncated', streams([role(), ...content, '[DONE]'])],
)

const malformedStreams = streamed(
  ['malformed JSON first', 'before', 'invalid_response', streams(['{"choices":[{', ...content])],
  ['one bad event, then good ones', 'after', 'invalid_response', streams([...content, '{"a":', ...content, '[DONE]'])],
  ['HTML with 200', 'before', 'invalid_response', sends(200, 'text/html', '<html><body>busy</body></html>')],
  ['a wrong content type', 'before', 'invalid_response', sends(200, 'text/plain', sse(...content, finish(), '[DONE]'))],
  ['empty choices', 'before', 'invalid_response', streams([{ choices: [] }, { choices: [] }, '[DONE]'])],
  ['204 and no body', 'before', 'invalid_response', (_call, res) => void res.writeHead(204).end()],
  ['an empty body', 'before', 'invalid_response', streams([])],
  ['a NUL byte in an event', 'after', 'invalid_response', streams([...content, `{"a":"\u0000"}`, '[DONE]'])],
  [
    'an error event before content',
    'before',
    'server_error',
    streams([role(), { error: { message: 'overloaded', type: 'overloaded_error' } }]),
  ],
  [
    'an error event after content',
    'after',
    'rate_limit',
    streams([...content, { error: { message: 'slow down', code: 429 } }, '[DONE]']),
  ],
  [
    'headers without end',
    'before',
    'invalid_response',
    raw(`HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(200_000)}\r\n`, 'open'),
  ],
  [
    'a length and chunks at once',
    'before',
    'invalid_response',
    raw(`${head('content-type: text/event-stream', 'content-length: 5', 'transfer-encoding: chunked')}${lastChunk}`),
  ],
  ['no HTTP at all', 'before', 'connection', raw('SSH-2.0-OpenSSH_9.2\r\n')],
  [
    'an event without end',
    'before',
    'invalid_response',
    raw(`${streamHead}${chunked(`data: ${'x'.repeat(2_000_000)}`)}`, 'open'),
  ],
)

const json = (body: string) => sends(200, 'application/json', body)

const malformedAnswers = inOnePiece(
  ['no reply', 'timeout', () => undefined],
  ['a reset before the answer', 'connection', (_call, res) => void res.socket?.resetAndDestroy()],
  ['a reset inside the answer', 'connection', raw(`${head('content-length: 999')}${whole.slice(0, 40)}`, 'reset')],
  ['a FIN inside a chunk', 'connection', raw(`${head('transfer-encoding: chunked')}fff\r\n${whole.slice(0, 40)}`)],
  ['fewer bytes than announced', 'connection', raw(`${head('content-length: 999')}${whole}`)],
  ['malformed JSON', 'invalid_response', json(whole.slice(0, -20))],
  ['HTML with 200', 'invalid_response', sends(200, 'text/html', '<html><body>busy</body></html>')],
  ['empty choices', 'invalid_response', json('{"choices":[]}')],
  ['204 and no body', 'invalid_response', (_call, res) => void res.writeHead(204).end()],
  [
    'a redirect',
    'invalid_response',
    (_call, res) => void res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  ],
  ['a field given twice', 'invalid_response', json(whole.replace('"choices":', '"choices":[],"choices":'))],
  ['a NUL byte', 'invalid_response', json(whole.replace('hello', 'hel\u0000lo'))],
  ['an error with 200', 'server_error', json('{"error":{"message":"overloaded","code":529}}')],
  ['headers without end', 'invalid_response', raw(`HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(200_000)}\r\n`, 'open')],
  [
    'a length and chunks at once',
    'invalid_response',
    raw(`${head('content-length: 5', 'transfer-encoding: chunked')}${chunked(whole)}${lastChunk}`),
  ],
  [
    '100 Continue, fifty times',
    'connection',
    raw(
      `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(50)}${head('content-type: application/json', `content-length: ${Buffer.byteLength(whole)}`)}${whole}`,
    ),
  ],
  ['an answer of 20 MB', 'invalid_response', json(`{"choices":[],"pad":"${'x'.repeat(20_000_000)}"}`)],
)

export const faultShapes: readonly FaultShape[] = [...truncations, ...malformedStreams, ...malformedAnswers]

/** Unusual, and right all the same: these must pass as they are. */
export const soundShapes: readonly Omit<FaultShape, 'when' | 'errorClass'>[] = [
  {
    name: 'escaped NUL and half a surrogate pair',
    asked: 'json',
    behaviour: json(whole.replace('hello', 'a\\u0000b\\ud800c')),
  },
  {
    name: 'escaped NUL and half a surrogate pair, streamed',
    asked: 'stream',
    behaviour: streams(['{"choices":[{"index":0,"delta":{"content":"a\\u0000b\\ud800c"}}]}', finish(), '[DONE]']),
  },
  {
    name: 'the word "choices" in the text',
    asked: 'json',
    behaviour: json(JSON.stringify(completion('"choices": []'))),
  },
  {
    name: 'one byte at a time to the end',
    asked: 'stream',
    behaviour: streams(
      [...Buffer.from(sse(role(), ...words('one'), finish(), '[DONE]'))].map((byte) => Buffer.from([byte])),
    ),
  },
  {
    name: 'comments between events',
    asked: 'stream',
    behaviour: streams([
      Buffer.from(': ping\n\n'),
      role(),
      Buffer.from(': ping\n\n'),
      ...words('a b'),
      finish(),
      '[DONE]',
    ]),
  },
  {
    name: 'lines that end in CR LF',
    asked: 'stream',
    behaviour: streams([Buffer.from(sse(role(), ...words('a b'), finish(), '[DONE]').replaceAll('\n', '\r\n'))]),
  },
  {
    name: 'a usage chunk behind the finish',
    asked: 'stream',
    behaviour: streams([
      ...words('a'),
      finish(),
      { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } },
      '[DONE]',
    ]),
  },
  {
    name: 'a tool call and nothing else',
    asked: 'stream',
    behaviour: streams([
      role(),
      chunk({ tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '{}' } }] }),
      finish('tool_calls'),
      '[DONE]',
    ]),
  },
]
