import type { Message } from '#datasets/item.ts'

/** Sixteen hex digits no examined text can know beforehand. @param random uniform in [0, 1) */
export function newNonce(random: () => number): string {
  return Array.from({ length: 16 }, () => Math.floor(random() * 16).toString(16)).join('')
}

/** Invisible carriers of hidden instructions: tag characters, zero-width and bidirectional controls, C0 and C1 controls. */
const invisible =
  /[\u{E0000}-\u{E007F}\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]|(?![\n\t])\p{Cc}/gu

/**
 * Text in which nothing looks like one of our fences or like a chat template's control token. The words stay readable, so
 * that an attempt to influence the judge remains visible as what it is.
 */
export function neutralise(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(invisible, '')
    .replace(/<{3,}/g, (run) => '‹'.repeat(run.length))
    .replace(/>{3,}/g, (run) => '›'.repeat(run.length))
    .replace(/<\|/g, '‹|')
    .replace(/\|>/g, '|›')
    .replace(/<<(\/?SYS)>>/gi, '‹‹$1››')
    .replace(/\[(\/?INST|(?:BEGIN|END)[^\]\n]{0,40})\]/gi, '($1)')
}

/** `text` between two lines that carry the nonce. */
export function fence(label: string, text: string, nonce: string): string {
  return `<<<${label} ${nonce}>>>\n${neutralise(text)}\n<<<end of ${label} ${nonce}>>>`
}

/** A conversation as plain text: roles and what can be read. Parts that are no text are named, not shown. */
export function conversationText(messages: readonly Message[]): string {
  return messages.map((message) => `[${message.role}]\n${contentText(message.content)}`).join('\n\n')
}

/** The readable part of a message's content. */
export function contentText(content: Message['content']): string {
  if (content === null || content === undefined) return ''
  if (typeof content === 'string') return content
  return content.map(partText).join('\n')
}

function partText(part: unknown): string {
  if (typeof part === 'string') return part
  if (typeof part !== 'object' || part === null) return ''
  if ('text' in part && typeof part.text === 'string') return part.text
  return 'type' in part && typeof part.type === 'string' ? `(${part.type})` : '(not text)'
}

/**
 * True when the quote stands in the source: white space, case, quotation marks and Unicode forms aside. An ellipsis in the
 * quote leaves out a passage: the pieces must follow each other. A quote without a letter or digit shows nothing.
 */
export function isQuoteOf(quote: string, source: string): boolean {
  const haystack = foldForQuotes(source)
  const pieces = neutralise(quote).split(/\s*(?:\[\s*)?(?:…|\.{3,})(?:\s*\])?\s*/)
  const folded = pieces.map((piece) => foldForQuotes(piece)).filter((piece) => /[\p{L}\p{N}]/u.test(piece))
  let from = 0
  for (const piece of folded) {
    const at = haystack.indexOf(piece, from)
    if (at < 0) return false
    from = at + piece.length
  }
  return folded.length > 0
}

function foldForQuotes(text: string): string {
  return neutralise(text)
    .normalize('NFKC')
    .replace(/[‘’‚‛′`]/g, "'")
    .replace(/[“”„‟″«»]/g, '"')
    .replace(/[‐-―−]/g, '-')
    .replace(/\s+/gu, ' ')
    .trim()
    .replace(/^["']+|["'.,;:]+$/g, '')
    .toLowerCase()
}
