import { readFileSync, writeFileSync } from 'node:fs'

/** A prompt with the task it asks for. */
export interface TaskPrompt {
  readonly id: string
  /** Prompts of one group are never split between training and testing: a template, or the prompt itself. */
  readonly group: string
  readonly task: string
  /** Who labelled it: the template or benchmark it comes from, a person reading it, or us when we wrote it. */
  readonly from: 'template' | 'benchmark' | 'by hand' | 'own'
  /** Longer ones are shortened in the middle, where the classifier does not look. */
  readonly prompt: string
  readonly origin: string
  readonly licence: string
}

const folder = `${import.meta.dirname}/builtin/task-prompts`

/** The prompts the lexical task classifier is trained on (origin and licences: their card.md). */
export function taskPrompts(): TaskPrompt[] {
  return taskPromptsBytes()
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TaskPrompt)
}

/** The file itself, for its digest. */
export function taskPromptsBytes(): Buffer {
  return readFileSync(`${folder}/prompts.jsonl`)
}

/** The trained coefficients, as their file holds them; whoever reads them checks them. */
export function lexicalModelDocument(): unknown {
  return JSON.parse(readFileSync(`${folder}/model.json`, 'utf8'))
}

/** Writes one file of the set: coefficients or card. */
export function writeTaskPromptsFile(name: 'model.json' | 'card.md', text: string): void {
  writeFileSync(`${folder}/${name}`, text)
}

const page = `${import.meta.dirname}/../docs/task-classifier.md`

/** The page that says how good the classifier is. */
export const lexicalDocsPage = {
  read: (): string => readFileSync(page, 'utf8'),
  write: (text: string): void => writeFileSync(page, text),
}
