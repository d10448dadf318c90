import { findNumbers } from './numbers.ts'

/** One word of a text. `stem` is what is compared; `isContent` false for function words. */
export interface Word {
  readonly text: string
  readonly stem: string
  readonly isContent: boolean
  /** A name by its looks: capitalised within a sentence, or with a capital or digit inside. */
  readonly isName: boolean
  readonly isNumber: boolean
}

const functionWords = new Set(
  (
    'a about above after again against all also although am an and any are as at be because been before being below between both but by can could did do ' +
    'does doing down during each either else ever every few for from further get gets given go goes had has have having he her here hers herself him himself ' +
    'his how however i if in into is it its itself just let like made make makes many may me might more most much must my myself neither nor of off on ' +
    'once one only onto or other others our ours ourselves out over own per rather same shall she should since so some such than that the their theirs them ' +
    'themselves then there therefore these they this those through thus to too under until up upon us use used uses using very via was we well were what when where ' +
    'whether which while who whom whose why will with within without would yet you your yours yourself yourselves s t re ve ll d m'
  ).split(' '),
)

/** Words a summary or an answer adds around what its source says: reporting verbs and words about the text itself. */
const frameWords = new Set(
  (
    'accord according additionally answer article ask asked author call called context conversation describe described discuss discussed discussion document ' +
    'documents emphasize emphasized example explain explained express expressed focus follow following furthermore help helps highlight highlighted important include included ' +
    'includes including indicate indicated inform information informed introduce introduced involve involved key main meeting mention mentioned moreover note noted ' +
    'offer offered overall paper passage point present presented propose proposed provide provided provides question refer refers related require required research respond ' +
    'response say said says several show shown specific speaker state stated states step steps study suggest suggested summary talk talked team text topic various way ways work'
  ).split(' '),
)

const numberWords: Readonly<Record<string, number>> = Object.fromEntries(
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'
    .split(' ')
    .map((word, value) => [word, value]),
)
const ordinals: Readonly<Record<string, number>> = {
  first: 1,
  second: 2,
  third: 3,
  fourth: 4,
  fifth: 5,
  thirty: 30,
  forty: 40,
  fifty: 50,
  sixty: 60,
  seventy: 70,
  eighty: 80,
  ninety: 90,
  hundred: 100,
  thousand: 1_000,
  dozen: 12,
}

const needsSegmenter =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const wordSegmenter = new Intl.Segmenter(undefined, { granularity: 'word' })
const wordPattern = /[\p{L}\p{M}\p{N}]+(?:['’.,_-][\p{L}\p{M}\p{N}]+)*/gu

/** The words of one sentence. Scripts without spaces are cut by the dictionary of the platform. */
export function wordsOf(sentence: string): Word[] {
  const words: Word[] = []
  for (const text of rawWords(sentence)) {
    for (const part of /^\p{N}/u.test(text) ? [text] : text.split(/[-_]/)) {
      if (part !== '') words.push(toWord(part, words.length === 0))
    }
  }
  return words
}

function rawWords(sentence: string): string[] {
  if (!needsSegmenter.test(sentence)) return sentence.match(wordPattern) ?? []
  return [...wordSegmenter.segment(sentence)].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment)
}

function toWord(raw: string, isFirst: boolean): Word {
  const text = raw.replace(/['’]s?$/, '').replace(/[.,]+$/, '')
  const lower = text.toLowerCase().normalize('NFKC')
  const isNumber = /\d/.test(lower)
  const isFunction = functionWords.has(lower) || /n['’]t$/.test(lower) || /^[a-z]$/.test(lower)
  const isContent = !isFunction
  const isMixed = /\p{L}\p{N}|\p{N}\p{L}|\p{Ll}\p{Lu}|^\p{Lu}{2,}/u.test(text)
  const isName = isContent && (isMixed || (!isFirst && /^\p{Lu}/u.test(text)))
  return { text, stem: isNumber ? lower.replace(/,/g, '') : stemOf(lower), isContent, isName, isNumber }
}

/** True for words that carry no claim of their own in an answer about a text. */
export function isFrameWord(word: Word): boolean {
  return frameWords.has(word.text.toLowerCase())
}

/**
 * A light stemmer for English (plural, -ing, -ed, -ly and the commonest derivations). Words of other languages keep all but a
 * final s. Both sides of a comparison go through it, so it need not give words.
 */
export function stemOf(word: string): string {
  if (word.length <= 3 || word.length > 40 || !/^[a-z]+$/.test(word)) return word
  let stem = word
    .replace(/(?:ies|ied)$/, 'y')
    .replace(/(?<=ss|sh|ch|x|z)es$/, '')
    .replace(/(?<![su'])s$/, '')
  stem = stem.replace(/(?<=[aeiouy].*)(?:ingly|edly|ing|ed)$/, '')
  stem = stem
    .replace(/(?:ational|ation|ations|ition|ator|ative)$/, 'at')
    .replace(/(?:ment|ness|ful|ly|ity|able|ible|al|er|or|ion)$/, (suffix, at: number) => (at >= 4 ? '' : suffix))
  if (/([bdfgmnprt])\1$/.test(stem)) stem = stem.slice(0, -1)
  const short = stem
    .replace(/(?<=..[^aeiou]|..u)e$/, '')
    .replace(/(?<=..)i$/, 'y')
    .replace(/(?<=...)at$/, '')
  // "note" must not become "not"
  return short === 'not' || functionWords.has(short) ? word : short
}

/**
 * Numbers of a text, written in digits or words. Each is a list of readings: "3.2 million" is 3,200,000 or, where the other
 * side gives a table in millions, 3.2.
 */
export function numbersOf(text: string): number[][] {
  const found = findNumbers(text).map(({ value, end }) => {
    const unit = /^\s?(k|thousand|m|mn|million|bn|b|billion|trillion)\b/i.exec(text.slice(end, end + 12))?.[1]
    const size = Math.abs(value)
    return unit === undefined ? [size] : [size * magnitude(unit.toLowerCase()), size]
  })
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    const table = Object.hasOwn(numberWords, word) ? numberWords : ordinals
    if (Object.hasOwn(table, word)) found.push([table[word] ?? 0])
  }
  return found
}

function magnitude(unit: string): number {
  if (unit === 'k' || unit === 'thousand') return 1e3
  if (unit === 'm' || unit === 'mn' || unit === 'million') return 1e6
  return unit === 'trillion' ? 1e12 : 1e9
}
