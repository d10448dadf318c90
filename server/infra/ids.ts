/** Crockford's alphabet: no I, L, O, U, so that an id read aloud stays itself. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * Makes ids that sort by the time they were made: prefix, 10 characters of milliseconds, 12 random ones (60 bits).
 *
 * @param nowMs clock
 * @param randomBytes source of randomness; 12 bytes are asked for
 */
export function idMaker(nowMs: () => number, randomBytes: (count: number) => Uint8Array): (prefix: string) => string {
  return (prefix) => {
    let time = ''
    for (let rest = nowMs(), place = 0; place < 10; place += 1, rest = Math.floor(rest / 32)) {
      time = alphabet.charAt(rest % 32) + time
    }
    const random = Array.from(randomBytes(12), (byte) => alphabet.charAt(byte % 32)).join('')
    return `${prefix}_${time}${random}`
  }
}
