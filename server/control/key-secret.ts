import type { Role } from '#domain/snapshot.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 43 characters of 62 are 256 bits. */
const secretLength = 43

/** Uniform base62 text: bytes that would favour some characters are drawn again. */
export function randomText(length: number, randomBytes: (count: number) => Uint8Array): string {
  const unbiased = 256 - (256 % alphabet.length)
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < unbiased && text.length < length) text += alphabet[byte % alphabet.length]
    }
  }
  return text
}

/** A new key: `ilk_<role>_<secret>`, so that scanners of repositories find one that leaked. */
export function newKey(role: Role, randomBytes: (count: number) => Uint8Array): string {
  return `ilk_${role}_${randomText(secretLength, randomBytes)}`
}
