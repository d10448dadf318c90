import { findNumbers } from './numbers.ts'
import { overlapF1 } from './overlap.ts'
import { compilePattern, type LinearPattern } from './pattern.ts'

/** One thing a right answer says (`must`) or must not say. */
export interface Fact {
  readonly id: string
  /** The fact in words: for a judge and for the report. */
  readonly text: string
  readonly must: boolean
  readonly weight: number
  readonly aliases: readonly string[]
  readonly number: FactNumber | null
  readonly pattern: LinearPattern | null
}

export interface FactNumber {
  readonly value: number
  /** Absolute, or with `relative` a share of the value. */
  readonly tolerance: number
  readonly relative: boolean
  /** Spellings of which one must stand beside the number; [] when it may be any. */
  readonly units: readonly string[]
}

interface WrittenFact {
  readonly id?: string
  readonly text?: string
  readonly must?: boolean
  readonly weight?: number
  readonly aliases?: readonly string[]
  readonly number?:
    | number
    | { value: number; tolerance?: number; relative?: boolean; unit?: string | readonly string[] }
  readonly pattern?: string
}

const text = { type: 'string', pattern: '\\S', maxLength: 2_000 }
const unit = { type: 'string', pattern: '\\S', maxLength: 40 }

/** JSON Schema of a list of facts. A bare string is a fact that must be said in these words. */
export const factsSchema = {
  type: 'array',
  minItems: 1,
  maxItems: 100,
  items: {
    anyOf: [
      text,
      {
        type: 'object',
        additionalProperties: false,
        properties: {
          id: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_-]{0,39}$' },
          text,
          must: { type: 'boolean' },
          weight: { type: 'number', exclusiveMinimum: 0, maximum: 1_000 },
          aliases: { type: 'array', minItems: 1, maxItems: 50, items: text },
          number: {
            anyOf: [
              { type: 'number' },
              {
                type: 'object',
                additionalProperties: false,
                required: ['value'],
                properties: {
                  value: { type: 'number' },
                  tolerance: { type: 'number', minimum: 0 },
                  relative: { type: 'boolean' },
                  unit: { anyOf: [unit, { type: 'array', minItems: 1, maxItems: 20, items: unit }] },
                },
              },
            ],
          },
          pattern: { type: 'string', minLength: 1 },
        },
        anyOf: [{ required: ['text'] }, { required: ['aliases'] }, { required: ['number'] }, { required: ['pattern'] }],
      },
    ],
  },
}

/**
 * @param written  valid against `factsSchema`
 * @throws Error with place and cause: an id used twice
 * @throws UnsupportedPatternError
 */
export function readFacts(written: readonly unknown[]): Fact[] {
  const facts = (written as (string | WrittenFact)[]).map((entry, index) => toFact(entry, index))
  const twice = facts.findIndex(({ id }, index) => facts.findIndex((other) => other.id === id) < index)
  if (twice >= 0) throw new Error(`/${twice}/id "${facts[twice]?.id}" is used twice`)
  return facts
}

function toFact(entry: string | WrittenFact, index: number): Fact {
  const written = typeof entry === 'string' ? { text: entry } : entry
  const { aliases = [], number, pattern, text: words } = written
  const isByWords = aliases.length === 0 && number === undefined && pattern === undefined
  return {
    id: written.id ?? `f${index + 1}`,
    text: words ?? aliases[0] ?? (number === undefined ? (pattern ?? '') : `the number ${numberOf(number).value}`),
    must: written.must !== false,
    weight: written.weight ?? 1,
    aliases: (isByWords && words !== undefined ? [words] : aliases).map(foldWords),
    number: number === undefined ? null : numberOf(number),
    pattern: pattern === undefined ? null : compilePattern(pattern),
  }
}

function numberOf(written: NonNullable<WrittenFact['number']>): FactNumber {
  if (typeof written === 'number') return { value: written, tolerance: 0, relative: false, units: [] }
  const { value, tolerance = 0, relative = false, unit: units } = written
  return {
    value,
    tolerance,
    relative,
    units: units === undefined ? [] : [units].flat().map((name) => name.toLowerCase()),
  }
}

/** An answer as facts are looked for in it. */
export interface FactText {
  readonly raw: string
  readonly folded: string
}

/** Longest answer searched, in UTF-16 code units. */
const maxRead = 1_000_000

export function factText(answer: string): FactText {
  const raw = answer.slice(0, maxRead)
  return { raw, folded: ` ${foldWords(raw)} ` }
}

/**
 * Letters without case and accents, digits, and single spaces between them. Thousands are joined, so that "1,234" is 1234; the
 * decimal point stays.
 */
function foldWords(value: string): string {
  return value
    .normalize('NFKD')
    .replace(/(?<=\p{Script=Latin})\p{M}+/gu, '')
    .normalize('NFC')
    .toLowerCase()
    .replace(/(?<=\d),(?=\d{3}(?!\d))/g, '')
    .replace(/(?!(?<=\d)\.(?=\d))[^\p{L}\p{M}\p{N}%$€£¥+#]+/gu, ' ')
    .trim()
}

export interface FactFinding {
  readonly id: string
  readonly text: string
  readonly must: boolean
  readonly isSaid: boolean
  /** The words it was found by, or null. */
  readonly evidence: string | null
}

/** Whether the answer says the fact: one of the aliases, not denied; the number with its unit; or the pattern. */
export function findFact(answer: FactText, fact: Fact): FactFinding {
  const evidence =
    byAlias(answer.folded, fact.aliases) ?? byNumber(answer.raw, fact.number) ?? byPattern(answer.raw, fact)
  return { id: fact.id, text: fact.text, must: fact.must, isSaid: evidence !== null, evidence }
}

function byAlias(folded: string, aliases: readonly string[]): string | null {
  for (const alias of aliases) {
    if (alias === '') continue
    for (let at = folded.indexOf(alias); at >= 0; at = folded.indexOf(alias, at + 1)) {
      if (isWhole(folded, at, alias) && !isDenied(folded.slice(Math.max(0, at - 40), at))) return alias
    }
  }
  return null
}

/** Not within a longer word of a script that puts spaces between words. */
function isWhole(folded: string, at: number, alias: string): boolean {
  const joins = (outside: string | undefined, inside: string | undefined) => {
    const spaced = /^[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Arabic}\p{N}]$/u
    return spaced.test(outside ?? '') && spaced.test(inside ?? '')
  }
  return !joins(folded[at - 1], alias[0]) && !joins(folded[at + alias.length], alias.at(-1))
}

/** "is not Paris", "rather than Paris", "n'est pas Paris": said to be otherwise. */
function isDenied(before: string): boolean {
  return /(?: not| n t| isn t| wasn t| never| no longer| rather than| instead of| unlike| no es| n est pas| nicht| non è| não é| не)(?: \p{L}{1,5}){0,2} $/u.test(
    before,
  )
}

function byNumber(raw: string, wanted: FactNumber | null): string | null {
  if (wanted === null) return null
  const { value, tolerance, relative, units } = wanted
  const slack = (relative ? Math.abs(value) * tolerance : tolerance) + 4 * Number.EPSILON * Math.abs(value)
  for (const found of findNumbers(raw)) {
    const after = raw.slice(found.end, found.end + 24)
    const scale = magnitudeOf(after)
    const readings = scale === 1 ? [found.value] : [found.value * scale, found.value]
    if (found.isPercent) readings.push(found.value / 100)
    if (!readings.some((reading) => Math.abs(reading - value) <= slack)) continue
    const around = `${raw.slice(Math.max(0, found.start - 6), found.end)} ${after}`.toLowerCase()
    if (units.length === 0 || units.some((name) => around.includes(name))) return raw.slice(found.start, found.end)
  }
  return null
}

function magnitudeOf(after: string): number {
  const word =
    /^\s?(thousand|k|million|mn|m|billion|bn|b|trillion|millones|millions|milliards|mio|mrd|万|億|亿)(?![\p{L}])/iu.exec(
      after,
    )?.[1]
  switch (word?.toLowerCase()) {
    case undefined:
      return 1
    case 'thousand':
    case 'k':
      return 1e3
    case '万':
      return 1e4
    case '億':
    case '亿':
      return 1e8
    case 'billion':
    case 'bn':
    case 'b':
    case 'milliards':
    case 'mrd':
      return 1e9
    case 'trillion':
      return 1e12
    default:
      return 1e6
  }
}

function byPattern(raw: string, { pattern }: Fact): string | null {
  return pattern?.test(raw) ? 'the pattern matches' : null
}

/** F1 over words of two texts (SQuAD, Rajpurkar et al. 2016), folded as facts are. */
export function wordF1(answer: string, reference: string): number {
  const got = foldWords(answer.slice(0, maxRead)).split(' ')
  const wanted = foldWords(reference).split(' ')
  return overlapF1(wanted, got)
}
