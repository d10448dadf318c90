import type { EvalCase } from '#evaluators/evaluator.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'

const size = 1_000_000
const filled = (unit: string) => unit.repeat(Math.ceil(size / unit.length)).slice(0, size)

/** A megabyte each, made to be slow: runs, almost-matches, scripts without spaces, marks without an end. */
const texts: Readonly<Record<string, string>> = {
  prose: filled('The quick brown fox jumps over the lazy dog in May 2024, and it costs 12.50 euros. '),
  'one letter': filled('a'),
  'one digit': filled('1'),
  'groups of digits': filled('12345 6789 '),
  'addresses begun': filled('a.'),
  'mail begun': filled('a@'),
  emphasis: filled('**a'),
  brackets: filled('['),
  citations: filled('Text is here [1]. '),
  Chinese: filled('这是一个测试文本'),
  Thai: filled('นี่คือข้อความทดสอบ'),
  'list items': filled('- item x\n'),
  'table rows': filled('| a | b |\n'),
  headings: filled('# h\n'),
  'open JSON': `{"a":"${filled('b')}`,
  quotes: filled('"'),
  emoji: filled('😀'),
  'zero width': filled('a\u200b'),
  refusals: filled('i cannot '),
}

const expect = {
  factual: { facts: ['not there', { number: { value: 7, unit: 'kg' } }] },
  refusal: 'answer',
  escalation: 'must',
  language: 'en',
  length: { max: 50 },
  format: {
    words: 9,
    sentences: 9,
    highlights: 3,
    include: ['zzz'],
    headings: 3,
    title: true,
    json: true,
    pattern: 'zz+y',
  },
}
const configs: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  pii_leak: { canaries: ['canary-7f3a9b21'], systemPromptWords: 8 },
}
const names = [
  'citations',
  'escalation',
  'factual',
  'format',
  'language',
  'length',
  'looping',
  'pii_leak',
  'refusal',
  'tone',
  'tool_use',
  'truncation',
]

/** The slowest of the texts for each evaluator, and a usual answer. */
export async function measureTime(): Promise<void> {
  const ports = { chat: { complete: () => Promise.reject(new Error('no judge')) }, random: () => 0.5 }
  for (const name of names) {
    const resolved = resolveEvaluators([{ name, ...(configs[name] && { config: configs[name] }) }])
    const [evaluator] = 'evaluators' in resolved ? resolved.evaluators : []
    if (!evaluator) throw new Error(`${name} refuses its configuration`)
    const took = async (output: string, rounds: number) => {
      const evalCase: EvalCase = {
        id: 'x',
        output,
        expect,
        context: ['The quick brown fox jumps over the lazy dog.', 'It costs 12.50 euros.'],
        messages: [{ role: 'user', content: 'What does the fox do, and what does it cost?' }],
      }
      const startedAt = performance.now()
      for (let round = 0; round < rounds; round++) await evaluator.score(evalCase, ports)
      return (performance.now() - startedAt) / rounds
    }
    await took(filled('The fox jumps over the dog [1]. It costs 12.50 euros [2]. ').slice(0, 1_000), 50)
    const usual = await took(filled('The fox jumps over the dog [1]. It costs 12.50 euros [2]. ').slice(0, 1_000), 200)
    let slowest = ['', 0] as [string, number]
    for (const [kind, text] of Object.entries(texts)) {
      const time = await took(text, 1)
      if (time > slowest[1]) slowest = [kind, time]
    }
    console.log(`  ${name}: 1 KB ${usual.toFixed(2)} ms; 1 MB at most ${Math.round(slowest[1])} ms (${slowest[0]})`)
  }
}
