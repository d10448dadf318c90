import { Ajv } from 'ajv'
import { Agent, request } from 'undici'
import { benchCases, benchModels, caseSchema, needle } from './eval-cases.ts'

/** The floor of eval-run.ts: requests and checks, nothing stored. `node test/bench/eval-floor.ts PORT ITEMS AT_ONCE`. */
const [port = 0, items = 0, width = 1] = process.argv.slice(2).map(Number)
const validate = new Ajv().compile(caseSchema)
const agent = new Agent({ connections: width })
const queue = benchCases(items).flatMap(({ prompt }) => benchModels.map((model) => ({ model, prompt })))
let passed = 0
let failed = 0

async function work(): Promise<void> {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const body = JSON.stringify({ model: next.model, messages: [{ role: 'user', content: next.prompt }] })
    const options = {
      method: 'POST',
      body,
      dispatcher: agent,
      headers: { 'content-type': 'application/json' },
    } as const
    const response = await request(`http://127.0.0.1:${port}/v1/chat/completions`, options)
    const answer = (await response.body.json()) as { choices: readonly { message: { content: string } }[] }
    const text = answer.choices[0]?.message.content ?? ''
    if (isRight(text)) passed += 1
    else failed += 1
  }
}

function isRight(text: string): boolean {
  try {
    return validate(JSON.parse(text)) && text.includes(needle)
  } catch {
    return false
  }
}

const startedMs = performance.now()
await Promise.all(Array.from({ length: width }, work))
process.stdout.write(JSON.stringify({ wallMs: performance.now() - startedMs, passed, failed }))
process.exit(0)
