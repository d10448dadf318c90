import { lexicalDocsPage, taskPrompts, taskPromptsBytes, writeTaskPromptsFile } from '#datasets/task-prompts.ts'
import { evaluate, type Trained } from './task-evaluation.ts'
import { cardOf, pageOf } from './task-report.ts'
import { digestOf, documentOf, rowsOf, train } from './task-training.ts'

/** Trains the lexical task classifier on the shipped prompts. The same prompts give the same document, byte for byte. */
export function trainTaskClassifier(): Trained {
  const prompts = taskPrompts()
  const labels = [...new Set(prompts.map((prompt) => prompt.task))].sort()
  const bySource = evaluate(prompts, labels, 'source')
  const byPrompt = evaluate(prompts, labels, 'prompt')
  const coefficients = train(rowsOf(prompts, labels), labels.length)
  const trainedOn = digestOf(taskPromptsBytes())
  return {
    document: documentOf(coefficients, labels, { temperature: bySource.temperature, trainedOn }),
    bySource,
    byPrompt,
  }
}

/** `npm run train:task-classifier`: writes coefficients, card and the measured part of docs/task-classifier.md. */
function main(): void {
  const trained = trainTaskClassifier()
  const json = `${JSON.stringify(trained.document, null, 1)}\n`
  writeTaskPromptsFile('model.json', json)
  writeTaskPromptsFile('card.md', cardOf(taskPrompts()))
  lexicalDocsPage.write(pageOf(trained, { page: lexicalDocsPage.read(), modelDigest: digestOf(json) }))
  process.stdout.write(`coefficients ${digestOf(json)}, trained on ${trained.document.trainedOn}\n`)
}

if (import.meta.main) main()
