/** Crockford's alphabet: no I, L, O, U, so that an id read aloud stays itself. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const timePlaces = 10
const randomPlaces = 12
/** Random bytes are drawn for this many ids at once: one draw costs more than all the rest. */
const idsPerDraw = 128

/**
 * Makes ids that sort by the time they were made: prefix, 10 characters of milliseconds, 12 random ones (60 bits).
 *
 * @param nowMs clock
 * @param randomBytes source of randomness; no byte is used for two ids
 */
export function idMaker(nowMs: () => number, randomBytes: (count: number) => Uint8Array): (prefix: string) => string {
  let bytes: Uint8Array = new Uint8Array(0)
  let used = 0
  let time = ''
  let timeOf = -1
  return (prefix) => {
    const now = nowMs()
    if (now !== timeOf) {
      time = timeText(now)
      timeOf = now
    }
    if (used + randomPlaces > bytes.length) {
      bytes = randomBytes(randomPlaces * idsPerDraw)
      used = 0
    }
    let random = ''
    for (const end = used + randomPlaces; used < end; used += 1) random += alphabet.charAt((bytes[used] ?? 0) % 32)
    return `${prefix}_${time}${random}`
  }
}

function timeText(ms: number): string {
  let text = ''
  for (let rest = ms, place = 0; place < timePlaces; place += 1, rest = Math.floor(rest / 32)) {
    text = alphabet.charAt(rest % 32) + text
  }
  return text
}
