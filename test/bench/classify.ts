import { lexicalModelDocument, taskPrompts } from '#datasets/task-prompts.ts'
import { readLexicalModel } from '#domain/lexical.ts'
import { promptSize } from '#domain/tokens.ts'
import { TaskClassifier } from '#providers/task-classifier.ts'
import { aSnapshot, aVersion } from '#test/support/routing.ts'

/**
 * Time to identify a task with the lexical classifier, microseconds: node test/bench/classify.ts
 *
 * The shipped prompts, and a text of a megabyte, of which the beginning and the end are read.
 */
const classifier = new TaskClassifier({
  lexical: readLexicalModel(lexicalModelDocument()),
  providers: { clientFor: () => ({ complete: Promise.reject, stream: Promise.reject }) },
  clock: { monotonicMs: () => performance.now() },
  circuits: { enter: () => true, succeeded() {}, failed() {}, released() {} },
  gate: { enter: () => () => undefined },
})
const version = aVersion('r', 1, { models: ['a/m'], task: { classifier: { kind: 'lexical', minConfidence: 0.5 } } })
const catalogue = aSnapshot({})

function timesOf(texts: readonly string[], rounds: number): number[] {
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const text of texts) {
      const messages = [{ role: 'user', content: text }]
      const facts = {
        requestId: 'q',
        metadata: {},
        inputTokens: promptSize(messages, null).tokens,
        maxOutputTokens: null,
        hasTools: false,
        hasImages: false,
        wantsJson: false,
        stream: false,
        capabilities: [],
        promptMatches: () => false,
      }
      const startedAt = performance.now()
      const label = classifier.identify({ version, catalogue, facts, messages, scope: 'bench' })
      const took = (performance.now() - startedAt) * 1_000
      if (label instanceof Promise) throw new Error('the lexical classifier waits for nothing')
      // The first rounds are the compiler's.
      if (round >= rounds / 4) times.push(took)
    }
  }
  return times.sort((a, b) => a - b)
}

function report(name: string, times: readonly number[]): void {
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(1)
  console.log(`${name}: p50 ${at(0.5)} us, p90 ${at(0.9)} us, p99 ${at(0.99)} us`)
}

const prompts = taskPrompts().map(({ prompt }) => prompt)
report(`${prompts.length} prompts`, timesOf(prompts, 16))
report(
  'prompts that are read in full length',
  timesOf(
    prompts.filter(({ length }) => length >= 1_200),
    48,
  ),
)
report('a megabyte', timesOf([`${prompts[0]} ${'lorem ipsum '.repeat(87_000)}`], 4_000))
