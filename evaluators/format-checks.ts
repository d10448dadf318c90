import { excerpt, normaliseText } from './answer.ts'
import { extractJson } from './json-extract.ts'
import { detectLanguage, knownLanguages } from './language-detect.ts'
import { type MarkdownStructure, structureOf } from './markdown-structure.ts'
import { compilePattern, type LinearPattern } from './pattern.ts'
import { countCharacters, countSentences, countWords, splitParagraphs } from './text-units.ts'

/** An answer with what several checks need of it. */
export interface FormattedText {
  readonly text: string
  readonly structure: MarkdownStructure
}

/** One kind of constraint: the schema of its parameter, and what it says about an answer; null: it holds. */
interface Check {
  readonly schema: Readonly<Record<string, unknown>>
  /** Compiles the parameter. @throws UnsupportedPatternError */
  readonly prepare: (parameter: never) => (answer: FormattedText) => string | null
}

interface Range {
  readonly min?: number
  readonly max?: number
}

const size = { type: 'integer', minimum: 0, maximum: 1_000_000 }
const range = {
  anyOf: [
    size,
    { type: 'object', additionalProperties: false, minProperties: 1, properties: { min: size, max: size } },
  ],
}
const text = { type: 'string', pattern: '\\S', maxLength: 2_000 }
const texts = { type: 'array', minItems: 1, maxItems: 100, items: text }
const yes = { const: true }

/** Count of something within a range; a bare number is the exact count. */
function counted(what: string, count: (answer: FormattedText) => number): Check {
  const prepare = (parameter: number | Range) => {
    const { min = 0, max = Number.POSITIVE_INFINITY } =
      typeof parameter === 'number' ? { min: parameter, max: parameter } : parameter
    const wanted = min === max ? `${min}` : max === Number.POSITIVE_INFINITY ? `at least ${min}` : `${min} to ${max}`
    return (answer: FormattedText) => {
      const got = count(answer)
      return got >= min && got <= max ? null : `${got} ${what} instead of ${wanted}`
    }
  }
  return { schema: range, prepare }
}

function holds(fault: string, test: (answer: FormattedText) => boolean): Check {
  return { schema: yes, prepare: () => (answer) => (test(answer) ? null : fault) }
}

function pattern(isWanted: boolean): Check {
  const prepare = (source: string) => {
    const compiled: LinearPattern = compilePattern(source)
    const fault = isWanted ? 'the pattern matches nowhere' : 'the pattern matches'
    return ({ text: answer }: FormattedText) => (compiled.test(answer) === isWanted ? null : fault)
  }
  return { schema: text, prepare }
}

/** Quotation marks around the whole, and at its end a full stop more or less, do not count. */
function boundary(where: 'start' | 'end'): Check {
  const bare = (value: string) => {
    if (where === 'start') return fold(value.slice(0, 20_000)).replace(/^["“”«»「『\s]{1,20}/u, '')
    return fold(value.slice(-20_000)).replace(/["“”«»」』.。\s]{1,20}$/u, '')
  }
  const prepare = (wanted: string) => {
    const phrase = bare(wanted)
    return ({ text: answer }: FormattedText) => {
      const isThere = where === 'start' ? bare(answer).startsWith(phrase) : bare(answer).endsWith(phrase)
      return isThere ? null : `does not ${where} with ${JSON.stringify(excerpt(wanted, 40))}`
    }
  }
  return { schema: text, prepare }
}

/** Every word or phrase of the list: present (`include`) or absent (`exclude`), case aside; whole words where words have spaces. */
function mentions(isWanted: boolean): Check {
  const prepare = (list: readonly string[]) => (answer: FormattedText) => {
    const haystack = fold(answer.text)
    const wrong = list.filter((wanted) => occurrences(haystack, fold(wanted), !isWanted) > 0 !== isWanted)
    const shown = wrong.slice(0, 3).map((wanted) => JSON.stringify(excerpt(wanted, 30)))
    return wrong.length === 0 ? null : `${isWanted ? 'lacks' : 'holds'} ${shown.join(', ')}`
  }
  return { schema: texts, prepare }
}

const mentionCounts: Check = {
  schema: {
    type: 'object',
    minProperties: 1,
    maxProperties: 50,
    propertyNames: { minLength: 1 },
    additionalProperties: range,
  },
  prepare: (counts: Readonly<Record<string, number | Range>>) => {
    const parts = Object.entries(counts).map(([wanted, bounds]) => {
      const count = (answer: FormattedText) => occurrences(fold(answer.text), fold(wanted), false)
      return counted(`of ${JSON.stringify(excerpt(wanted, 30))}`, count).prepare(bounds as never)
    })
    return (answer) => firstFault(parts, answer)
  },
}

const headingList: Check = {
  schema: texts,
  prepare: (wanted: readonly string[]) => (answer) => {
    const found = answer.structure.headings.map((heading) => fold(heading.text))
    let from = 0
    for (const heading of wanted) {
      const at = found.indexOf(fold(heading), from)
      if (at < 0) {
        const isElsewhere = found.includes(fold(heading))
        return `heading ${JSON.stringify(excerpt(heading, 40))} is ${isElsewhere ? 'out of order' : 'missing'}`
      }
      from = at + 1
    }
    return null
  },
}

const jsonKeys: Check = {
  schema: texts,
  prepare: (wanted: readonly string[]) => (answer) => {
    const extraction = extractJson(answer.text)
    const value = 'value' in extraction ? extraction.value : null
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no JSON object'
    const got = Object.keys(value).filter((key) => wanted.includes(key))
    return got.join('\n') === wanted.join('\n') ? null : `keys are ${got.join(', ')} instead of ${wanted.join(', ')}`
  },
}

const letterCase: Check = {
  schema: { enum: ['upper', 'lower'] },
  prepare: (wanted: 'upper' | 'lower') => (answer) => {
    const other = wanted === 'upper' ? /\p{Ll}/u.exec(answer.text) : /\p{Lu}/u.exec(answer.text)
    if (other) return `holds ${JSON.stringify(other[0])}: not all ${wanted} case`
    return /\p{Lu}|\p{Ll}/u.test(answer.text) ? null : 'holds no cased letter'
  },
}

const oneOf: Check = {
  schema: texts,
  prepare: (options: readonly string[]) => (answer) =>
    options.some((option) => fold(answer.text).includes(fold(option))) ? null : 'is none of the answers allowed',
}

const answerLanguage: Check = {
  schema: { enum: knownLanguages },
  prepare: (wanted: string) => (answer) => {
    const { language } = detectLanguage(answer.text)
    // what cannot be told breaks nothing: one JSON value or a name has no language
    return language === null || language === wanted ? null : `is in ${language} instead of ${wanted}`
  },
}

const sections: Check = {
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['separator', 'count'],
    properties: { separator: text, count: range },
  },
  prepare: ({ separator, count }: { separator: string; count: number | Range }) => {
    const parts = ({ text: answer }: FormattedText) =>
      answer.split(separator).filter((part) => part.trim() !== '').length
    return counted(`parts divided by ${JSON.stringify(excerpt(separator, 20))}`, parts).prepare(count as never)
  },
}

/** Every constraint by name. A new one changes scores only for those who use it. */
export const formatChecks: Readonly<Record<string, Check>> = {
  words: counted('words', (answer) => countWords(answer.text)),
  characters: counted('characters', (answer) => countCharacters(answer.text.trim())),
  sentences: counted('sentences', (answer) => countSentences(answer.text)),
  paragraphs: counted('paragraphs', (answer) => splitParagraphs(answer.text).length),
  parts: sections,
  bullets: counted('bullets', ({ structure }) => structure.bullets),
  numbered: counted('numbered items', ({ structure }) => structure.numbered),
  listItems: counted('list items', ({ structure }) => structure.bullets + structure.numbered),
  headings: counted('headings', ({ structure }) => structure.headings.length),
  tables: counted('tables', ({ structure }) => structure.tables),
  codeBlocks: counted('code blocks', ({ structure }) => structure.fences.length),
  links: counted('links', ({ structure }) => structure.links),
  highlights: counted('highlighted passages', ({ structure }) => structure.strong + structure.emphasis),
  emoji: counted('emoji', ({ structure }) => structure.emoji),
  placeholders: counted('placeholders', ({ text: answer }) => answer.match(/\[[^[\]\n]{1,200}\]/g)?.length ?? 0),
  capitalWords: counted(
    'words in capitals',
    ({ text: answer }) => answer.match(/(?<![\p{L}\p{N}])(?:\p{Lu}[\p{Lu}\p{N}'’]*)(?![\p{L}\p{N}])/gu)?.length ?? 0,
  ),
  include: mentions(true),
  exclude: mentions(false),
  mentions: mentionCounts,
  excludeCharacters: {
    schema: text,
    prepare: (characters: string) => (answer) => {
      const found = [...characters].find((character) => answer.text.includes(character))
      return found === undefined ? null : `holds ${JSON.stringify(found)}`
    },
  },
  headingsInOrder: headingList,
  startsWith: boundary('start'),
  endsWith: boundary('end'),
  pattern: pattern(true),
  notPattern: pattern(false),
  oneOf,
  letterCase,
  language: answerLanguage,
  quoted: holds('is not wrapped in quotation marks', ({ text: answer }) =>
    /^\s*["“«「][\s\S]*["”»」]\s*$/u.test(answer),
  ),
  title: holds('has no title in <<double angle brackets>>', ({ text: answer }) =>
    /<<(?=[^<>\n]*[^<>\s])[^<>\n]+>>/.test(answer),
  ),
  json: holds('is not JSON alone', ({ text: answer }) => extractJson(answer).level <= 1),
  jsonKeys,
  plainText: holds('uses Markdown', ({ structure }) => !usesMarkdown(structure)),
  validMarkdown: holds(
    'has a fence left open or a broken table row',
    ({ structure }) => structure.brokenTableRows === 0 && structure.fences.every(({ isClosed }) => isClosed),
  ),
  isoDates: holds(
    'holds a date that is not YYYY-MM-DD',
    ({ text: answer }) => !/(?<![\d./-])\d{1,2}([./-])\d{1,2}\1\d{2,4}(?![\d./-])/.test(answer),
  ),
}

/** Text as constraints compare it: Unicode NFC, white space collapsed, lower case. */
function fold(value: string): string {
  return normaliseText(value).toLowerCase()
}

/** Occurrences of a folded phrase. `isWhole`: not inside a longer word, where its script puts spaces between words. */
function occurrences(haystack: string, needle: string, isWhole: boolean): number {
  let count = 0
  for (let at = haystack.indexOf(needle); at >= 0; at = haystack.indexOf(needle, at + needle.length)) {
    if (!isWhole || !(continues(haystack[at - 1], needle[0]) || continues(haystack[at + needle.length], needle.at(-1))))
      count++
  }
  return count
}

/** True when two neighbours belong to one word of a script with spaces. */
function continues(outside: string | undefined, inside: string | undefined): boolean {
  const spaced = /^[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}]$/u
  return spaced.test(outside ?? '') && spaced.test(inside ?? '')
}

function usesMarkdown(structure: MarkdownStructure): boolean {
  const { headings, bullets, numbered, tables, fences, links, strong, inlineCode } = structure
  return headings.length + bullets + numbered + tables + fences.length + links + strong + inlineCode > 0
}

function firstFault(
  parts: readonly ((answer: FormattedText) => string | null)[],
  answer: FormattedText,
): string | null {
  for (const part of parts) {
    const fault = part(answer)
    if (fault !== null) return fault
  }
  return null
}

export function formatted(answer: string): FormattedText {
  return { text: answer, structure: structureOf(answer) }
}
