/** The longest stretch of one unit said over and over. */
export interface RepeatedRun {
  readonly unit: string
  readonly times: number
  /** UTF-16 code units of the whole stretch. */
  readonly characters: number
}

export interface Repetition {
  readonly run: RepeatedRun | null
  /** Share of the characters of long lines that stand in a line said before. */
  readonly repeatedLineShare: number
  /** Share of word 4-grams that occurred before (rep-4 of Welleck et al. 2020); 0 below 50 words. */
  readonly repeated4grams: number
}

/** Longest repeated unit looked for, in words and in characters. */
const maxPeriod = 48
/** A line below this length says nothing when it occurs again: closing braces, table rules, "Yes." */
const minLineLength = 24

/** Time is `maxPeriod` times the length of the text at most. */
export function repetitionOf(text: string): Repetition {
  const words = [...text.matchAll(/\S+/gu)].map((match) => ({ text: match[0], start: match.index }))
  const runs = [longestWordRun(text, words), longestCharacterRun(text), longestLineRun(text)]
  const run = runs.reduce((best, next) => ((next?.characters ?? 0) > (best?.characters ?? 0) ? next : best), null)
  return { run, repeatedLineShare: repeatedLineShare(text), repeated4grams: repeated4grams(words) }
}

function longestWordRun(text: string, words: readonly { text: string; start: number }[]): RepeatedRun | null {
  const ids = idsOf(words.map((word) => bare(word.text)))
  const place = (index: number) => words[index]?.start ?? text.length
  return longestRun(ids, maxPeriod, (from, to, period) => {
    const times = Math.floor((to - from) / period)
    return toRun(text, place(from), place(to), place(from + period), times, period === 1 ? 8 : 4)
  })
}

/** A word without its case and the marks at its end. */
function bare(word: string): string {
  let end = word.length
  while (end > 0 && '.,;:!?'.includes(word[end - 1] ?? '')) end--
  return word.slice(0, end).toLowerCase()
}

function longestCharacterRun(text: string): RepeatedRun | null {
  const ids = new Int32Array(text.length)
  for (let at = 0; at < text.length; at++) ids[at] = text.charCodeAt(at)
  return longestRun(ids, maxPeriod, (from, to, period) =>
    toRun(text, from, to, from + period, Math.floor((to - from) / period), period < 4 ? 20 : 6),
  )
}

function longestLineRun(text: string): RepeatedRun | null {
  const lines = text.split('\n').map((line) => line.trim())
  const kept = lines.filter((line) => line !== '')
  const lengths = kept.map((line) => line.length + 1)
  return longestRun(idsOf(kept), maxPeriod, (from, to, period) => {
    const unit = kept.slice(from, from + period).join('\n')
    const characters = lengths.slice(from, to).reduce((sum, length) => sum + length, 0)
    const times = Math.floor((to - from) / period)
    return times >= 4 && characters >= 80 && isTelling(unit) ? { unit: unit.slice(0, 120), times, characters } : null
  })
}

/** Small numbers in place of texts: equal texts, equal numbers. */
function idsOf(texts: readonly string[]): Int32Array {
  const known = new Map<string, number>()
  return Int32Array.from(texts, (text) => {
    const id = known.get(text) ?? known.size
    known.set(text, id)
    return id
  })
}

/**
 * Every stretch in which each element equals the one `period` before it, shown to `judge` as [from, to); the longest that it
 * accepts.
 */
function longestRun(
  ids: Int32Array,
  periods: number,
  judge: (from: number, to: number, period: number) => RepeatedRun | null,
): RepeatedRun | null {
  let best: RepeatedRun | null = null
  for (let period = 1; period <= Math.min(periods, ids.length >> 1); period++) {
    let start = period
    for (let at = period; at <= ids.length; at++) {
      if (at < ids.length && ids[at] === ids[at - period]) continue
      if (at - start >= period * 2) {
        const run = judge(start - period, at, period)
        if (run && run.characters > (best?.characters ?? 0)) best = run
      }
      start = at + 1
    }
  }
  return best
}

function toRun(
  text: string,
  from: number,
  to: number,
  unitEnd: number,
  times: number,
  minTimes: number,
): RepeatedRun | null {
  if (times < minTimes || to - from < 60) return null
  const unit = text.slice(from, unitEnd)
  return isTelling(unit) ? { unit: unit.trim().slice(0, 120).toWellFormed(), times, characters: to - from } : null
}

/** Rules, dots and table frames repeat by nature: a unit counts when letters or digits are in it. */
function isTelling(unit: string): boolean {
  return /[\p{L}\p{N}]/u.test(unit) && !/^[\s|0.,_-]*$/.test(unit)
}

function repeatedLineShare(text: string): number {
  const seen = new Set<string>()
  let all = 0
  let again = 0
  for (const raw of text.split('\n')) {
    const line = raw.trim().toLowerCase()
    if (line.length < minLineLength || !/\p{L}/u.test(line)) continue
    all += line.length
    if (seen.has(line)) again += line.length
    seen.add(line)
  }
  return all === 0 ? 0 : again / all
}

/** Words without a letter (table frames, matrices, numbers) are left out. */
function repeated4grams(all: readonly { readonly text: string }[]): number {
  const words = all.flatMap(({ text }) => (/\p{L}/u.test(text) ? [text] : []))
  if (words.length < 50) return 0
  const grams = words.length - 3
  const distinct = new Set<string>()
  for (let at = 0; at < grams; at++) distinct.add(words.slice(at, at + 4).join(' '))
  return 1 - distinct.size / grams
}
