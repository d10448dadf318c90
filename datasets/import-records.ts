import {
  type Converted,
  type Fields,
  type ImportNotes,
  isFields,
  messagesOf,
  sliceOf,
  textOf,
} from './import-format.ts'

const expectedNames = ['ideal', 'expected', 'expected_output', 'reference', 'ground_truth', 'correct_label', 'answer']

/**
 * A record of OpenAI evals: `{"input": [messages] | text, "ideal": text | [texts]}`, or the same below `item`, as its hosted
 * evals write it. With several ideals the first is the reference: one item has one.
 */
export function fromOpenAiEvals(record: Fields, place: string, notes: ImportNotes): Converted {
  const own = isFields(record['item']) ? record['item'] : record
  const messages = messagesOf(own['input'] ?? own['messages'] ?? own)
  if (messages === null) return missing('/input', 'needs messages or a text')
  const name = expectedNames.find((each) => own[each] !== undefined && own[each] !== null)
  const expected = name === undefined ? undefined : own[name]
  const list = Array.isArray(expected) ? expected : expected === undefined ? [] : [expected]
  if (list.length > 1) notes.add('further ideal answers: an item has one reference')
  const slice = sliceOf(own['metadata'], notes)
  return {
    item: {
      id: idOf(own['id'] ?? record['id'], place),
      messages,
      ...(list.length > 0 && { reference: textOf(list[0]) }),
      ...(Object.keys(slice).length > 0 && { slice }),
    },
  }
}

/**
 * An item of a Langfuse dataset: `{"id", "input", "expectedOutput", "metadata", "status"}` (also in snake case). Archived ones
 * are left out.
 */
export function fromLangfuse(record: Fields, place: string, notes: ImportNotes): Converted {
  if (String(record['status'] ?? '').toUpperCase() === 'ARCHIVED') return { leftOut: 'archived' }
  const input = parsed(record['input'])
  const messages = messagesOf(input)
  if (messages === null) return missing('/input', 'needs messages, a text, or an object with messages or a question')
  const expected = record['expectedOutput'] ?? record['expected_output']
  const context = isFields(input) && Array.isArray(input['context']) ? input['context'].map(textOf) : undefined
  const slice = sliceOf(parsed(record['metadata']), notes)
  return {
    item: {
      id: idOf(record['id'], place),
      messages,
      ...(expected !== undefined && expected !== null && { reference: expectedText(expected) }),
      ...(context !== undefined && { context }),
      ...(Object.keys(slice).length > 0 && { slice }),
    },
  }
}

/** Exports write objects as JSON texts where a table has no better place. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value
  try {
    return JSON.parse(value) as unknown
  } catch {
    return value
  }
}

/** Of a chat message its text. */
function expectedText(value: unknown): string {
  return isFields(value) && typeof value['content'] === 'string' ? value['content'] : textOf(value)
}

function idOf(id: unknown, place: string): string {
  return typeof id === 'string' && id !== '' ? id : typeof id === 'number' ? String(id) : place
}

function missing(path: string, message: string): Converted {
  return { problems: [{ path, message }] }
}
