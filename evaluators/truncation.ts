import { maxAnswerLength, scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import type { EvaluatorKind } from './kind.ts'
import { structureOf } from './markdown-structure.ts'

/**
 * The answer is whole: 1 or 0. The provider's finish reason decides; a code fence or JSON value left open is a cut whatever it
 * says. Without a finish reason the end of the text is read, and where that shows neither, nothing is said (not applicable).
 */
export const truncation: EvaluatorKind = {
  name: 'truncation',
  codeVersion: 1,
  needsReference: false,
  configSchema: { type: 'object', additionalProperties: false, properties: {} },
  configure: () => ({ config: {}, score: scoreTruncation }),
}

function scoreTruncation(evalCase: EvalCase): Score {
  const { output, finishReason } = evalCase
  const cut = (reason: string): Score => ({ status: 'scored', value: 0, reason, details: { finishReason } })
  const whole = (reason: string): Score => ({ status: 'scored', value: 1, reason, details: { finishReason } })
  if (finishReason === 'length') return cut('cut off at the token limit (finish_reason length)')
  if (finishReason === 'content_filter') return cut('stopped by the content filter')
  if (output.trim() === '' && finishReason === 'tool_calls') return whole('ended with a tool call')
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  const open = openEnd(output)
  if (open !== null) return cut(open)
  if (typeof finishReason === 'string') return whole(`ended by itself (finish_reason ${finishReason})`)
  const ending = endingOf(output)
  if (ending === 'whole') return whole('the text ends like a finished one; no finish reason is known')
  if (ending === 'cut') return cut('the text breaks off within a sentence; no finish reason is known')
  return { status: 'not_applicable', reason: 'no finish reason is known and the end of the text does not show it' }
}

/** What was opened and never closed, null when nothing was. */
export function openEnd(text: string): string | null {
  if (structureOf(text).fences.some(({ isClosed }) => !isClosed)) return 'a code fence is never closed'
  const start = text.trimStart()[0]
  if (start !== '{' && start !== '[') return null
  return isOpenJson(text.trim()) ? 'a JSON value is never closed' : null
}

/** True for a text that is one JSON value as far as it goes, and ends inside it. */
function isOpenJson(text: string): boolean {
  if (text.length > maxAnswerLength || !/^(?:\{\s*(?:"|$)|\[\s*(?:["{[\d]|$))/.test(text)) return false
  let depth = 0
  let isString = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (isString) {
      if (char === '\\') at++
      else if (char === '"') isString = false
    } else if (char === '"') isString = true
    else if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') depth--
    if (depth === 0) return false
  }
  return true
}

/** Words after which no sentence ends, in the languages with most text. */
const hanging = new Set(
  (
    'the a an of to and or but with for from in on at by as that which who is are was were be been has have had this these its ' +
    'their your our my his because if when while than very can will would should could may might must not no also into ' +
    'de la el los las un una y o que con por para en del le les et ou dans des du une sur avec pour est sont ' +
    'der die das und oder mit für von zu im ein eine ist sind auf den dem dass il lo di e che per sono da do os as'
  ).split(' '),
)

/** How a text ends when nobody says why: finished, within a sentence, or in a way that both can. */
export function endingOf(text: string): 'whole' | 'cut' | 'unclear' {
  const end = text.trimEnd().slice(-200)
  if (/[.!?…。！？؟।۔։።](?:["'”’»)\]*_`~]|\p{Extended_Pictographic}|\s)*$/u.test(end)) return 'whole'
  if (/```$|[|>]$|\p{Extended_Pictographic}\ufe0f?$/u.test(end)) return 'whole'
  if (/[,،、，([{"“«\-–—/&+=:;]$/u.test(end)) return 'cut'
  const last = /(?:^|\s)([\p{L}'’]+)$/u.exec(end)?.[1]
  if (last !== undefined && hanging.has(last.toLowerCase())) return 'cut'
  return isBrokenProse(text) ? 'cut' : 'unclear'
}

/** Shortest last line that is read as prose: closings, names and labels are shorter. */
const minProseLine = 50

/**
 * A last line of prose without an end, in a text whose other lines of that length all have one. Texts without punctuation, poems
 * and lists of phrases say nothing.
 */
function isBrokenProse(text: string): boolean {
  const lines = text.trimEnd().slice(-20_000).split('\n')
  const last = lines.at(-1)?.trim() ?? ''
  if (last.length < minProseLine && !/[.!?]\s+\p{L}/u.test(last)) return false
  const long = lines.slice(0, -1).filter((line) => line.trim().length >= minProseLine)
  const ended = long.filter((line) => /[.!?…。！？:：]["'”’»)\]*_`]{0,4}\s*$/u.test(line)).length
  const endsWithin = (last.match(/[.!?。！？]["'”’)]?\s+(?=[\p{Lu}\p{Lo}])/gu) ?? []).length
  if (long.length >= 2) return ended >= long.length * 0.8
  return ended === long.length && endsWithin >= 2 - long.length
}
