/**
 * Letters of other scripts that look like Latin ones, by the Latin letter they pass for: the usual disguises, not all of
 * Unicode's confusables.
 */
const lookAlikes: Readonly<Record<string, string>> = {
  a: 'аαɑ',
  b: 'Ьβ',
  c: 'сϲ',
  d: 'ԁ',
  e: 'еєε',
  g: 'ɡ',
  h: 'һ',
  i: 'іıι',
  j: 'ј',
  k: 'кκ',
  l: 'ӏ',
  m: 'м',
  n: 'пη',
  o: 'оο',
  p: 'рρ',
  q: 'ԛ',
  s: 'ѕ',
  t: 'тτ',
  u: 'υ',
  v: 'ѵν',
  w: 'ԝω',
  x: 'хχ',
  y: 'уγ',
  z: 'ᴢ',
  A: 'АΑ',
  B: 'ВΒ',
  C: 'СϹ',
  E: 'ЕΕ',
  H: 'НΗ',
  I: 'ІΙ',
  J: 'Ј',
  K: 'КΚ',
  M: 'МΜ',
  N: 'Ν',
  O: 'ОΟ',
  P: 'РΡ',
  S: 'Ѕ',
  T: 'ТΤ',
  X: 'ХΧ',
  Y: 'УΥ',
  Z: 'Ζ',
}

const latinOf = new Map(
  Object.entries(lookAlikes).flatMap(([latin, others]) => [...others].map((other) => [other, latin] as const)),
)

/** Characters without a width: joiners, marks of direction, soft hyphens, variation selectors, tags. */
const invisible = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu

/**
 * A text as it stands, and the other ways in which a model would read it: without invisible characters, in compatibility form
 * (full-width, ligatures, styled letters), without accents, and with look-alike letters of other scripts as Latin ones. A text
 * of ASCII characters has one reading only.
 */
export function readingsOf(text: string): readonly string[] {
  if (isAscii(text)) return [text]
  const plain = text.replace(invisible, '').normalize('NFKC')
  const latin = plain
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .replace(/[^\0-\u007f]/gu, (letter) => latinOf.get(letter) ?? letter)
  return [...new Set([text, plain, latin])]
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) return false
  return true
}
