/**
 * How a text holds a secret: word for word, with marks or spaces put between its letters, reversed, or in base64; null when it does
 * not. Linear in the text for each form.
 */
export function findSecret(text: string, secret: string): 'plain' | 'disguised' | 'reversed' | 'base64' | null {
  if (text.includes(secret)) return 'plain'
  const wanted = fold(secret)
  // folded to less than four signs it would be found in anything
  if (wanted.length >= 4) {
    const folded = fold(text)
    if (folded.includes(wanted)) return 'disguised'
    if (wanted.length >= 8 && folded.includes([...wanted].reverse().join(''))) return 'reversed'
  }
  return base64Forms(secret).some((form) => text.includes(form)) ? 'base64' : null
}

/** Letters and digits alone, compatibility forms resolved: zero-width signs, spaces, case and punctuation do not hide anything. */
function fold(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
}

/** The middle of the secret's base64 at each of the three places it can stand in a longer text. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret)
  if (bytes.length < 6) return []
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    return encoded.slice(offset === 0 ? 0 : offset + 1, -1)
  })
}

/**
 * The first run of `length` words of the source that the text repeats, null when there is none. Words are compared folded.
 */
export function copiedWords(text: string, source: string, length: number): string | null {
  const wanted = words(source)
  if (wanted.length < length) return null
  const runs = new Set<string>()
  for (let at = 0; at + length <= wanted.length; at++) runs.add(wanted.slice(at, at + length).join(' '))
  const said = words(text)
  for (let at = 0; at + length <= said.length; at++) {
    const run = said.slice(at, at + length).join(' ')
    if (runs.has(run)) return run
  }
  return null
}

/** Words read of either text. */
const maxWords = 50_000

function words(text: string): string[] {
  return (
    text
      .slice(0, 400_000)
      .toLowerCase()
      .normalize('NFKC')
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  ).slice(0, maxWords)
}
