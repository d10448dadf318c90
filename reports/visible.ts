/**
 * Characters that change how text around them reads without being seen, as code points and ranges: C0 and C1 controls (tab and
 * newline stay), soft hyphen, grapheme joiner, blank letters, zero-width and bidi controls, line and paragraph separators,
 * invisible operators, byte order mark, interlinear marks, tag characters.
 */
const invisibleRanges: readonly (readonly [number, number])[] = [
  [0x00, 0x08],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180e, 0x180e],
  [0x200b, 0x200b],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff9, 0xfffb],
  [0xe0000, 0xe007f],
]

/** Zero-width joiners stay only inside a word or an emoji, where scripts need them; a lone surrogate is never text. */
const invisible = new RegExp(
  [
    `[${invisibleRanges.map(([from, to]) => `\\u{${from.toString(16)}}-\\u{${to.toString(16)}}`).join('')}]`,
    '\\p{Surrogate}',
    '(?<![\\p{L}\\p{M}\\p{Extended_Pictographic}\\u{fe0f}\\u{1f3fb}-\\u{1f3ff}])[\\u{200c}\\u{200d}]',
    '[\\u{200c}\\u{200d}](?![\\p{L}\\p{Extended_Pictographic}])',
  ].join('|'),
  'gu',
)

/** The text with every invisible or direction-changing character written out, such as ‹U+202E›. */
export function visibleText(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(invisible, (char) => {
    const code = char.codePointAt(0) ?? 0
    return `‹U+${code.toString(16).toUpperCase().padStart(4, '0')}›`
  })
}

/** A copy of a view in which no string holds an invisible character: templates cannot forget it. */
export function visibleView<T>(view: T): T
export function visibleView(view: unknown): unknown {
  if (typeof view === 'string') return visibleText(view)
  if (Array.isArray(view)) return view.map((part) => visibleView(part))
  if (typeof view !== 'object' || view === null) return view
  return Object.fromEntries(Object.entries(view).map(([key, value]) => [key, visibleView(value)]))
}
