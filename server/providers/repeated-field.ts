const quote = 0x22
const backslash = 0x5c

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
      if (depth === 1 && isKey(bytes, end) && bytes.toString('latin1', at, end + 1) === written) seen += 1
      at = end
    } else if (byte === 0x7b || byte === 0x5b) depth += 1
    else if (byte === 0x7d || byte === 0x5d) depth -= 1
  }
  return seen > 1
}

/** A quote ends a string unless an odd number of backslashes stands before it. */
function endOfString(bytes: Buffer, start: number): number {
  let end = bytes.indexOf(quote, start + 1)
  while (end !== -1) {
    let slashes = 0
    while (bytes[end - 1 - slashes] === backslash) slashes += 1
    if (slashes % 2 === 0) return end
    end = bytes.indexOf(quote, end + 1)
  }
  return bytes.length
}

function isKey(bytes: Buffer, end: number): boolean {
  let at = end + 1
  while ([0x20, 0x09, 0x0a, 0x0d].includes(bytes[at] ?? 0)) at += 1
  return bytes[at] === 0x3a
}
