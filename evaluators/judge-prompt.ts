import { readFileSync } from 'node:fs'

/** A judge prompt file: its text decides scores, so it is part of the evaluator's version. */
export interface JudgePrompt {
  readonly system: string
  readonly user: string
  /** Whole file, for the version hash. */
  readonly source: string
}

/** Reads `prompts/<name>.md`: the parts below its headings `# System` and `# User`. @throws at load when one is missing */
export function loadPrompt(name: 'rubric' | 'pairwise' | 'grounding' | 'facts'): JudgePrompt {
  const source = readPromptFile(name)
  const parts = /^# System\n(?<system>[\s\S]+)\n# User\n(?<user>[\s\S]+)$/.exec(source)?.groups
  if (!parts?.['system'] || !parts['user']) throw new Error(`prompts/${name}.md needs "# System" and "# User"`)
  return { system: parts['system'].trim(), user: parts['user'].trim(), source }
}

export const retryPrompt = readPromptFile('retry')

function readPromptFile(name: string): string {
  return readFileSync(new URL(`./prompts/${name}.md`, import.meta.url), 'utf8').trim()
}

/** Puts values in place of `{{name}}`, in one pass: a value that holds `{{…}}` itself stays as it is. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{(\w+)\}\}/g, (placeholder, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? placeholder) : placeholder,
  )
}
