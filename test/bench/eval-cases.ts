import { createServer } from 'node:http'

/** The cases of eval-run.ts, the same for both programs: an order to read out of a letter as JSON. */

export interface BenchCase {
  readonly id: string
  readonly prompt: string
  readonly language: string
}

export const caseSchema = {
  type: 'object',
  properties: {
    order: { type: 'string', pattern: '^[A-Z]{2}-[0-9]{5}$' },
    refundable: { type: 'boolean' },
    items: { type: 'array', items: { type: 'object', required: ['sku', 'count'] } },
  },
  required: ['order', 'refundable', 'items'],
} as const

/** What every right answer contains. */
export const needle = 'refundable'
export const benchModels = ['model-a', 'model-b'] as const

const languages = ['en', 'de', 'fr', 'pl']
const sentence = 'The parcel came late, two of the cups were broken, and the shop asked for photographs of the box. '

/** Letters of about 1.5 KB. */
export function benchCases(count: number): BenchCase[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `case-${index}`,
    language: languages[index % languages.length] ?? 'en',
    prompt: `Letter ${index}. ${sentence.repeat(14)}Read out the order as JSON.`,
  }))
}

/** `model-b` answers 31 of 1,000 cases with prose: what the checks must find. */
function answerOf(model: string, prompt: string): string {
  const index = Number(/^Letter (\d+)/.exec(prompt)?.[1] ?? 0)
  if (model === 'model-b' && index % 32 === 7) return 'I am sorry, but I could not find an order in this letter.'
  const items = [{ sku: `CUP-${index % 7}`, count: (index % 3) + 1 }]
  return JSON.stringify({ order: `AB-${String(10_000 + index)}`, [needle]: index % 2 === 0, items })
}

/** A provider that takes `delayMs` for every answer. Run as a process of its own: `node test/bench/eval-cases.ts DELAY_MS`. */
function serve(delayMs: number): void {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const { model, messages } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
        model: string
        messages: readonly { content: string }[]
      }
      const content = answerOf(model, messages.at(-1)?.content ?? '')
      const body = JSON.stringify({
        id: 'x',
        object: 'chat.completion',
        created: 1,
        model,
        choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 380, completion_tokens: 40, total_tokens: 420 },
      })
      setTimeout(() => {
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
        res.end(body)
      }, delayMs)
    })
  })
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object') process.stdout.write(`port ${address.port}\n`)
  })
}

if (process.argv[1] === import.meta.filename) serve(Number(process.argv[2] ?? 50))
