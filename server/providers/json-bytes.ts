const quote = 0x22
const backslash = 0x5c

/**
 * Where a string of a JSON text ends: at the first quote with an even number of backslashes before it.
 *
 * @param start of its opening quote
 * @returns the place of its closing quote; -1 when there is none
 */
export function endOfString(bytes: Buffer, start: number): number {
  let end = bytes.indexOf(quote, start + 1)
  while (end !== -1) {
    let slashes = 0
    while (bytes[end - 1 - slashes] === backslash) slashes += 1
    if (slashes % 2 === 0) return end
    end = bytes.indexOf(quote, end + 1)
  }
  return -1
}
