import { normaliseText } from './answer.ts'
import { splitSentences } from './sentences.ts'
import { countWords } from './text-units.ts'

/** What the rules of a style guide are told about an answer. Counts are over the prose, outside code. */
export interface ToneFacts {
  readonly words: number
  readonly exclamations: number
  readonly emoji: number
  readonly shouted: number
  readonly apologies: number
  readonly hedges: number
  readonly contractions: number
  readonly secondPerson: number
  readonly profanities: number
  readonly blame: number
  readonly promises: number
  readonly longestSentence: number
  /** Flesch-Kincaid grade (Kincaid et al. 1975); null for texts that are not English-like or too short. */
  readonly readingGrade: number | null
}

const profanity =
  /\b(?:fuck\w*|shit\w*|bullshit|bitch\w*|bastards?|asshole\w*|crap|damn(?:ed|it)?|dickhead|piss(?:ed)? off|idiots?|morons?|stupid|mierda|joder|puta|merde|putain|scheiß\w*|scheisse|arschloch|cazzo|stronz\w+|caralho|porra|kurwa)\b/giu
const apologies =
  /\b(?:sorry|apologi[sz]e[sd]?|apolog(?:y|ies)|regret|lo siento|disculp\w+|désolée?|excuses?-(?:nous|moi)|entschuldig\w+|tut (?:mir|uns) leid|mi dispiace|desculp\w+)\b|申し訳|すみません|抱歉|对不起/giu
const hedges =
  /\b(?:maybe|perhaps|possibly|probably|might|could be|i think|i believe|i guess|it seems|sort of|kind of|as far as i know|not sure|quizás?|tal vez|peut-être|vielleicht|forse|talvez)\b/giu
const contractions = /\b\p{L}+['’](?:s|t|re|ve|ll|d|m)\b/giu
const secondPerson = /\b(?:you|your|yours|yourself)\b/giu
const blame =
  /\b(?:you (?:should have|should've|failed to|forgot to|neglected to|didn['’]t (?:read|follow|listen|provide)|must have (?:done|entered|made))|your (?:own )?(?:fault|mistake|error)|as i (?:already|previously) (?:said|told|explained|mentioned)|obviously|clearly you)\b/giu
const promises =
  /\b(?:(?:i|we) (?:guarantee|promise|assure you)|guaranteed|100\s?% (?:sure|certain|safe|guaranteed)|without (?:any )?(?:doubt|risk)|(?:will|can) never (?:fail|happen))\b/giu

/** Words in capitals, three or more in a row. */
const capitals = /(?<![\p{L}\p{N}])\p{Lu}{2,40}(?:[ ,]{1,3}\p{Lu}{1,40}){2,30}(?![\p{L}\p{N}])/gu

/** Three acronyms in a row are a list: a longer word, or a fourth, makes it shouting. */
function isShouted(run: string): boolean {
  const words = run.split(/[ ,]+/)
  return words.length >= 4 || words.some((word) => word.length >= 5)
}

/** Longest text examined, in UTF-16 code units. */
const maxRead = 200_000

export function toneOf(answer: string): ToneFacts {
  const prose = answer.slice(0, maxRead).replace(/```[^`]*(?:```|$)|`[^`\n]*`|https?:\/\/\S+/g, ' ')
  const sentences = splitSentences(prose).map(({ text }) => countWords(text))
  return {
    words: countWords(prose),
    exclamations: count(prose, /[!！]/g),
    emoji: count(prose, /\p{Extended_Pictographic}/gu),
    shouted: (prose.match(capitals) ?? []).filter(isShouted).length,
    apologies: count(prose, apologies),
    hedges: count(prose, hedges),
    contractions: count(prose, contractions),
    secondPerson: count(prose, secondPerson),
    profanities: count(prose, profanity),
    blame: count(prose, blame),
    promises: count(prose, promises),
    longestSentence: sentences.reduce((most, words) => Math.max(most, words), 0),
    readingGrade: readingGrade(prose, sentences.length),
  }
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

/** Words below which a grade says nothing. */
const minGraded = 30

function readingGrade(prose: string, sentences: number): number | null {
  const words = prose.toLowerCase().match(/[a-z]+(?:['’][a-z]+)?/g) ?? []
  const letters = count(prose, /\p{L}/gu)
  const ascii = words.reduce((sum, word) => sum + word.length, 0)
  if (words.length < minGraded || sentences === 0 || ascii < letters * 0.9) return null
  const syllables = words.reduce((sum, word) => sum + syllablesOf(word), 0)
  const grade = 0.39 * (words.length / sentences) + 11.8 * (syllables / words.length) - 15.59
  return Math.round(grade * 10) / 10
}

function syllablesOf(word: string): number {
  const groups = word.replace(/(?:e|es|ed)$/, '').match(/[aeiouy]+/g)?.length ?? 0
  return Math.max(1, groups)
}

/** True when the folded text holds the phrase. */
export function hasPhrase(answer: string, phrase: string): boolean {
  return normaliseText(answer).toLowerCase().includes(normaliseText(phrase).toLowerCase())
}
