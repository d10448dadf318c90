import {
  type Converted,
  type Fields,
  type ImportNotes,
  inputNames,
  isFields,
  type RecordProblem,
  sliceOf,
  textOf,
} from './import-format.ts'

/** Tests with what stands around them in a configuration file. */
export interface PromptfooFile {
  readonly tests: readonly unknown[]
  readonly prompts: readonly unknown[]
  readonly defaultTest: Fields
  /** JSON pointer of the list of tests. */
  readonly at: string
}

/** A list of tests, or a configuration with `tests`. @returns what is wrong, otherwise */
export function readPromptfooFile(value: unknown): PromptfooFile | RecordProblem {
  if (Array.isArray(value)) return { tests: value, prompts: [], defaultTest: {}, at: '' }
  if (!isFields(value)) return { path: '', message: 'a list of tests, or a configuration with tests, is needed' }
  const { tests, prompts, defaultTest } = value
  if (typeof tests === 'string') {
    return { path: '/tests', message: 'names another file: upload that one, or write its tests here' }
  }
  if (!Array.isArray(tests)) return { path: '/tests', message: 'is missing: a list of tests' }
  return {
    tests,
    prompts: Array.isArray(prompts) ? prompts : prompts === undefined ? [] : [prompts],
    defaultTest: isFields(defaultTest) ? defaultTest : {},
    at: '/tests',
  }
}

/** Assertions that say something about the item; the others are a bar's to say, with an evaluator. */
const carried: Readonly<Record<string, (value: unknown) => Fields>> = {
  equals: (value) => (value === undefined ? {} : { reference: textOf(value) }),
  similar: (value) => (typeof value === 'string' ? { reference: value } : {}),
  factuality: (value) => (typeof value === 'string' ? { reference: value } : {}),
  'is-json': (value) => (isFields(value) ? { schema: value } : {}),
  'contains-json': (value) => (isFields(value) ? { schema: value } : {}),
}

const counterparts: Readonly<Record<string, string>> = {
  contains: 'contains',
  icontains: 'contains',
  'contains-all': 'contains',
  'contains-any': 'contains',
  'not-contains': 'contains',
  regex: 'regex',
  'llm-rubric': 'llm_judge',
  'context-faithfulness': 'grounding',
  'is-refusal': 'refusal',
  latency: 'a limit on latency_p95_ms',
  cost: 'a limit on cost_per_request',
}

/**
 * One test of promptfoo. The first prompt of the file, its `{{variables}}` filled in, becomes the messages; without prompts the
 * variable that names the input does (`prompt`, `question`, `query`, ...). `equals`, `similar` and `factuality` become the
 * reference, the schema of `is-json` the schema, the variable `context` the context, `metadata` the slice. Everything else is
 * noted with the evaluator that does it here.
 */
export function fromPromptfoo(
  test: unknown,
  file: PromptfooFile,
  { place, notes }: { readonly place: string; readonly notes: ImportNotes },
): Converted {
  if (!isFields(test)) return { problems: [{ path: '', message: 'a test is an object with vars' }] }
  const vars = { ...fieldsOf(file.defaultTest['vars']), ...fieldsOf(test['vars']) }
  const messages = promptMessages(file.prompts[0], vars)
  if ('path' in messages) return { problems: [messages] }
  if (file.prompts.length > 1) notes.add('further prompts of the file: the first one is taken')
  const asserts = [...listOf(file.defaultTest['assert']), ...listOf(test['assert'])]
  const carriedOver = Object.assign({}, ...asserts.map((each) => fromAssertion(each, notes))) as Fields
  const slice = sliceOf(test['metadata'], notes)
  const description = typeof test['description'] === 'string' ? test['description'] : ''
  return {
    item: {
      id: description === '' ? place : `${place} ${description}`.replace(/\s+/g, ' ').slice(0, 200),
      messages: messages.list,
      ...contextOf(vars['context']),
      ...carriedOver,
      ...(Object.keys(slice).length > 0 && { slice }),
    },
  }
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function contextOf(value: unknown): Fields {
  if (typeof value === 'string' && value !== '') return { context: [value] }
  return Array.isArray(value) ? { context: value.map(textOf) } : {}
}

function fromAssertion(assertion: unknown, notes: ImportNotes): Fields {
  const type = isFields(assertion) ? assertion['type'] : undefined
  if (typeof type !== 'string') {
    notes.add('assertion without a type')
    return {}
  }
  const carry = Object.hasOwn(carried, type) ? carried[type] : undefined
  const fields = carry?.((assertion as Fields)['value']) ?? {}
  if (Object.keys(fields).length > 0) return fields
  const counterpart = Object.hasOwn(counterparts, type) ? counterparts[type] : undefined
  notes.add(`assertion "${type.slice(0, 40)}"${counterpart === undefined ? '' : `: here ${counterpart} in the bar`}`)
  return {}
}

function promptMessages(prompt: unknown, vars: Fields): { readonly list: unknown[] } | RecordProblem {
  if (prompt === undefined) return inputOf(vars)
  const raw = isFields(prompt) ? (prompt['raw'] ?? prompt['prompt'] ?? prompt['content']) : prompt
  if (typeof raw !== 'string') return { path: '/prompts/0', message: 'must be a text' }
  if (/^(?:file|https?):\/\/|\.(?:txt|json|ya?ml|md|js|ts|py|csv)$/.test(raw.trim())) {
    return { path: '/prompts/0', message: 'names another file: write the prompt here' }
  }
  if (/\{%|\{#|\{\{[^}]*[|(][^}]*\}\}/.test(raw)) {
    return { path: '/prompts/0', message: 'uses template logic: only {{variables}} are filled in' }
  }
  const chat = chatOf(raw, vars)
  if (chat !== null) return { list: chat }
  const text = fill(raw, vars)
  return typeof text === 'string' ? { list: [{ role: 'user', content: text }] } : text
}

/** A prompt written as JSON messages; its variables are filled in within the texts. */
function chatOf(raw: string, vars: Fields): unknown[] | null {
  if (!raw.trimStart().startsWith('[')) return null
  try {
    const messages: unknown = JSON.parse(raw)
    if (!Array.isArray(messages)) return null
    return messages.map((message) => {
      const content = isFields(message) ? message['content'] : undefined
      const text = typeof content === 'string' ? fill(content, vars) : content
      return isFields(message) && typeof text === 'string' ? { ...message, content: text } : message
    })
  } catch {
    return null
  }
}

function fill(template: string, vars: Fields): string | RecordProblem {
  let absent: string | null = null
  const text = template.replace(/\{\{-?\s*([\w.]+)\s*-?\}\}/g, (_, name: string) => {
    const value = Object.hasOwn(vars, name) ? vars[name] : undefined
    if (value === undefined) absent ??= name
    return value === undefined ? '' : textOf(value)
  })
  return absent === null ? text : { path: `/vars/${absent}`, message: 'is missing: the prompt uses it' }
}

function inputOf(vars: Fields): { readonly list: unknown[] } | RecordProblem {
  const names = Object.keys(vars).filter((name) => name !== 'context')
  const name = inputNames.find((each) => typeof vars[each] === 'string') ?? (names.length === 1 ? names[0] : undefined)
  const value = name === undefined ? undefined : vars[name]
  if (typeof value === 'string' && value !== '') return { list: [{ role: 'user', content: value }] }
  return { path: '/vars', message: `without prompts, one variable must hold the input: ${inputNames.join(', ')}` }
}
