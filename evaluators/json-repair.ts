/**
 * The object or array at the start of `text` with the slips mended that models make most: raw line breaks and control
 * characters in strings, a comma before a closing bracket, `True`, `False` and `None`, and an end that is cut off. Only ever
 * parsed to tell such an answer from one without any JSON: a mended answer is one the model did not give.
 *
 * Ends where the first value ends. One pass; null when brackets do not match.
 */
export function repairJson(text: string): string | null {
  const open: string[] = []
  const out: string[] = []
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if (char === '"') {
      const string = readString(text, at)
      out.push(string.text)
      at = string.end
    } else if (char === '}' || char === ']') {
      if (open.pop() !== char) return null
      dropComma(out)
      out.push(char)
      if (open.length === 0) return out.join('')
    } else {
      if (char === '{' || char === '[') open.push(char === '{' ? '}' : ']')
      const word = wordAt(text, at)
      out.push(word === null ? char : word.json)
      if (word !== null) at += word.length - 1
    }
  }
  if (dropComma(out) === ':') out.push('null')
  return out.join('') + open.reverse().join('')
}

/** Takes a last comma away, white space after it aside. @returns the last mark that is left */
function dropComma(out: string[]): string | undefined {
  let last = out.length - 1
  while (last >= 0 && (out[last] ?? '').trim() === '') last--
  if (out[last] !== ',') return out[last]
  out.length = last
  return out[last - 1]
}

const words: Readonly<Record<string, { json: string; word: string }>> = {
  T: { word: 'True', json: 'true' },
  F: { word: 'False', json: 'false' },
  N: { word: 'None', json: 'null' },
}

function wordAt(text: string, at: number): { json: string; length: number } | null {
  const known = words[text[at] ?? '']
  return known && text.startsWith(known.word, at) ? { json: known.json, length: known.word.length } : null
}

/** The string that begins at `start`, its raw control characters escaped, closed if the text ends in it. `end`: its last index. */
function readString(text: string, start: number): { text: string; end: number } {
  const out: string[] = ['"']
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at] ?? ''
    if (char === '"') return { text: `${out.join('')}"`, end: at }
    if (char === '\\') {
      out.push(char, text[at + 1] ?? '\\')
      at++
    } else out.push(char < ' ' ? JSON.stringify(char).slice(1, -1) : char)
  }
  return { text: `${out.join('')}"`, end: text.length }
}
