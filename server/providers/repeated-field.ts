import { endOfString } from './json-bytes.ts'

const quote = 0x22

/**
 * Whether the outermost object of a JSON text gives one field twice: readers of such an answer may each see another. Looks
 * closer only where the name stands twice in the bytes, which text that quotes it can cause as well.
 *
 * @param bytes what JSON.parse accepts
 * @param name without characters that JSON would escape
 */
export function repeatsField(bytes: Buffer, name: string): boolean {
  const written = `"${name}"`
  const first = bytes.indexOf(written)
  if (first === -1 || bytes.indexOf(written, first + written.length) === -1) return false
  let depth = 0
  let seen = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte === quote) {
      const end = endOfString(bytes, at)
      if (end === -1) break
      if (depth === 1 && isKey(bytes, end) && bytes.toString('latin1', at, end + 1) === written) seen += 1
      at = end
    } else if (byte === 0x7b || byte === 0x5b) depth += 1
    else if (byte === 0x7d || byte === 0x5d) depth -= 1
  }
  return seen > 1
}

function isKey(bytes: Buffer, end: number): boolean {
  let at = end + 1
  while ([0x20, 0x09, 0x0a, 0x0d].includes(bytes[at] ?? 0)) at += 1
  return bytes[at] === 0x3a
}
