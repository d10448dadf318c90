import { functionWordsByLanguage, languagesByScript, languagesOfScript, tellingLetters } from './language-words.ts'

/** Codes that can be recognised, sorted. */
export const knownLanguages: readonly string[] = [
  ...new Set([...languagesByScript.map(([, language]) => language), ...Object.values(languagesOfScript).flat()]),
].sort()

export interface DetectedLanguage {
  /** ISO 639-1, null where the text does not show it: too short, a name, code, numbers. */
  readonly language: string | null
  readonly runnerUp: string | null
  /** Letters the verdict rests on. */
  readonly letters: number
}

/** Text looked at, in UTF-16 code units: the language shows early. */
const examinedLength = 6_000
/** Below so many letters (or an eighth of it in Chinese, Japanese, Korean) a text in a shared script says nothing certain. */
const minLetters = 20

const sharedScripts = Object.keys(languagesOfScript)
const scriptPatterns = [...new Set([...languagesByScript.map(([script]) => script), ...sharedScripts])].map(
  (script) => [script, new RegExp(`\\p{Script=${script}}`, 'gu')] as const,
)
const wordWeights = weighWords()

/** Which language a text is in, by its script and, where languages share one, by its function words and letters. */
export function detectLanguage(text: string): DetectedLanguage {
  const prose = proseOf(text).slice(0, examinedLength)
  const counts = new Map(scriptPatterns.map(([script, pattern]) => [script, prose.match(pattern)?.length ?? 0]))
  const letters = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const nothing = { language: null, runnerUp: null, letters }
  const kana = (counts.get('Hiragana') ?? 0) + (counts.get('Katakana') ?? 0)
  if (kana >= 2 && kana * 5 >= (counts.get('Han') ?? 0) && kana * 8 >= letters) return { ...nothing, language: 'ja' }
  const [main, size] = [...counts].reduce((most, next) => (next[1] > most[1] ? next : most), ['', 0])
  // a word of a dense script says as much as five letters of an alphabet
  const dense = (counts.get('Han') ?? 0) + kana + (counts.get('Hangul') ?? 0)
  if (dense >= 2 && dense * 3 >= letters) {
    const language = (counts.get('Hangul') ?? 0) * 2 > dense ? 'ko' : kana * 5 >= dense ? 'ja' : 'zh'
    return { ...nothing, language }
  }
  if (size * 2 < letters) return nothing
  const own = languagesByScript.find(([script]) => script === main)?.[1]
  if (own !== undefined) return size >= 3 ? { ...nothing, language: own } : nothing
  return size < minLetters ? nothing : { ...byWords(prose, languagesOfScript[main] ?? []), letters }
}

/** Without code, addresses, mail addresses, numbers, and marks of Markdown and templates. */
function proseOf(text: string): string {
  return text
    .slice(0, examinedLength * 4)
    .replace(/```[^`]*(?:```|$)|`[^`\n]*`/g, ' ')
    .replace(/https?:\/\/\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.[\w.]+/g, ' ')
    .replace(/<[^<>\n]{1,200}>|\{\{[^{}\n]{0,200}\}\}/g, ' ')
}

function weighWords(): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const sharers = new Map<string, Set<string>>()
  for (const [language, words] of Object.entries(functionWordsByLanguage)) {
    for (const word of words.split(' ')) sharers.set(word, (sharers.get(word) ?? new Set()).add(language))
  }
  return new Map(
    [...sharers].map(([word, languages]) => [
      word,
      new Map([...languages].map((language) => [language, (word.length === 1 ? 0.4 : 1) / Math.sqrt(languages.size)])),
    ]),
  )
}

/** Least share of words that must be the language's function words, and lead over the next language. */
const minShare = 0.1
const minLead = 1.25

function byWords(prose: string, languages: readonly string[]): Omit<DetectedLanguage, 'letters'> {
  const words = prose.toLowerCase().match(/[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)?/gu) ?? []
  const sums = new Map(languages.map((language) => [language, 0]))
  const add = (language: string, weight: number) => {
    const sum = sums.get(language)
    if (sum !== undefined) sums.set(language, sum + weight)
  }
  for (const raw of words) {
    const word = raw.replace('’', "'")
    const elided = /^(?:[dlnjsmtc]|qu)'/.exec(word)?.[0]
    if (elided !== undefined) for (const language of ['fr', 'it', 'ca']) add(language, elided === "l'" ? 0.5 : 0.3)
    for (const [language, weight] of wordWeights.get(word) ?? []) add(language, weight)
  }
  const lower = prose.toLowerCase()
  for (const [letters, owners] of tellingLetters) {
    const found = countLetters(lower, letters)
    for (const language of owners) add(language, (0.7 * Math.min(found, words.length)) / owners.length)
  }
  const [best, second] = [...sums].sort((a, b) => b[1] - a[1])
  if (!best || best[1] < Math.max(1.4, words.length * minShare)) return { language: null, runnerUp: best?.[0] ?? null }
  const isAhead = best[1] >= (second?.[1] ?? 0) * minLead
  return { language: isAhead ? best[0] : null, runnerUp: isAhead ? (second?.[0] ?? null) : best[0] }
}

function countLetters(text: string, letters: string): number {
  let count = 0
  for (const letter of text) if (letter > '\u007f' && letters.includes(letter)) count++
  return count
}
