import { type Sentence, splitSentences } from './sentences.ts'
import { wordsOf } from './words.ts'

/** A statement of the answer that can be held against a context. `text` is cleaned of marks, the offsets are the answer's. */
export interface Claim {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Longest answer cut into claims, in claims: what follows is not read, and the score says so. */
export const maxClaims = 200

/**
 * The checkable statements of an answer, in order. Left out: questions, greetings and closings, offers of help, headings, code,
 * and statements that the context or the speaker does not have the information (that is a refusal, not a claim).
 */
export function extractClaims(answer: string): { claims: Claim[]; skipped: Sentence[] } {
  const claims: Claim[] = []
  const skipped: Sentence[] = []
  for (const sentence of splitSentences(answer)) {
    const text = cleanClaim(sentence.text)
    if (isCheckable(text, sentence.text)) claims.push({ text, start: sentence.start, end: sentence.end })
    else skipped.push(sentence)
  }
  return { claims, skipped }
}

/** Without list marks, emphasis, link targets and citation marks. */
function cleanClaim(sentence: string): string {
  return sentence
    .replace(/^\s*(?:[-*•+>]|\d{1,3}[.)]|#{1,6})\s+/, '')
    .replace(/\[([^\]]*)\]\((?:[^()\s]|\([^()]*\))*\)/g, '$1')
    .replace(/\s?\[(?:\^?\d+(?:\s*[,–-]\s*\d+)*)\]/g, '')
    .replace(/\*\*|__|`/g, '')
    .trim()
}

const pleasantry =
  /^(?:hi|hello|hey|dear|thanks?|thank you|you['’]re welcome|welcome|sure|certainly|of course|absolutely|great question|good question|no problem|glad to|happy to|sincerely|best regards|regards|here (?:is|are)\b.*:$|i hope (?:this|that|it)|hope (?:this|that|it)|let me know|feel free|please (?:let me know|feel free|don['’]t hesitate|contact|consult|note that i)|if you (?:have|need|want|would like)\b.*\b(?:question|help|ask|let me know|detail|information|assist))/i

const refusal = new RegExp(
  [
    /\b(?:i|we)(?:['’]m| am| are)? (?:sorry|afraid|unable|not able|not sure|unsure)\b/,
    /\b(?:i|we) (?:do not|don['’]t|cannot|can['’]t|can not|could not|couldn['’]t|am unable to|will not|won['’]t|did not|didn['’]t) (?:\w+ ){0,2}(?:know|have|find|see|answer|provide|determine|tell|help|assist|access|discuss|comment|locate|verify|confirm|understand|say)\b/,
    /\b(?:context|document|documents|passage|passages|text|information|article|source|sources|excerpt|snippet|data)\b[^.]{0,60}\b(?:does not|do not|doesn['’]t|don['’]t|did not|didn['’]t|is not|isn['’]t|are not|aren['’]t|no|not) (?:\w+ ){0,3}(?:contain|contains|mention|mentioned|mentions|provide|provided|provides|include|included|includes|specify|specified|say|state|stated|address|answer|available|cover|discuss|give|given|indicate|enough|sufficient|information|details?)\b/,
    /\bthere is (?:no|not enough|insufficient) (?:\w+ ){0,3}(?:information|mention|context|data|details?|evidence)\b/,
    /\b(?:not|isn['’]t|aren['’]t) (?:mentioned|provided|specified|stated|given|available|included|found|addressed|covered) in the\b/,
    /^(?:unknown|n\/a|not (?:available|provided|mentioned|specified|enough information)|no (?:answer|information)|cannot (?:be )?(?:determine|say|answer)d?)\b/,
  ]
    .map((part) => part.source)
    .join('|'),
  'i',
)

/** True when the sentence says that there is no answer instead of giving one. */
export function isRefusal(sentence: string): boolean {
  return refusal.test(sentence)
}

function isCheckable(text: string, raw: string): boolean {
  if (raw.startsWith('```') || /^\s*\|?[\s|:-]+\|?\s*$/.test(raw)) return false
  if (/\?["'”’)]*$/.test(text) || pleasantry.test(text) || isRefusal(text)) return false
  const words = wordsOf(text)
  const content = words.filter((word) => word.isContent)
  if (content.length === 0) return false
  // a heading or a lead-in announces, it does not state
  if (/:\s*$/.test(text) && words.length <= 12) return false
  if (/^#{1,6}\s/.test(raw)) return false
  return content.length >= 2 || words.length >= 3 || content.some((word) => word.isNumber || word.isName)
}
