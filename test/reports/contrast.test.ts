import { describe, expect, it } from 'vitest'
import { assets } from '#reports/assets.ts'

const css = assets().get('/assets/style.css')?.body.toString('utf8') ?? ''
const [light = '', dark = ''] = css.split('@media screen and (prefers-color-scheme: dark)')

function coloursOf(text: string): Map<string, string> {
  const block = text.slice(0, text.indexOf('\n}'))
  return new Map(
    [...block.matchAll(/--([a-z-]+): (#[0-9a-f]{3,6});/g)].map((match) => [match[1] ?? '', match[2] ?? '']),
  )
}

/** Relative luminance of WCAG 2.2. */
function luminance(hex: string): number {
  const full = hex.length === 4 ? [...hex.slice(1)].map((digit) => digit + digit).join('') : hex.slice(1)
  const channels = [0, 2, 4].map((at) => Number.parseInt(full.slice(at, at + 2), 16) / 255)
  const [r = 0, g = 0, b = 0] = channels.map((value) =>
    value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4,
  )
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (high + 0.05) / (low + 0.05)
}

const tones = ['good', 'bad', 'warn', 'info', 'quiet']
const textPairs = [
  ...['surface', 'page', 'sunken'].flatMap((ground) => ['text', 'muted', 'link'].map((text) => [text, ground])),
  ...tones.flatMap((tone) => [
    [tone, 'surface'],
    [tone, `${tone}-soft`],
    ['text', `${tone}-soft`],
    ['muted', `${tone}-soft`],
  ]),
] as [string, string][]
const shapePairs = ['field-edge', 'base-mark', 'candidate-mark', 'lost-mark', 'won-mark', 'focus'].map((mark) => [
  mark,
  'surface',
]) as [string, string][]

describe.each([
  ['light', coloursOf(light)],
  ['dark', coloursOf(dark)],
])('the %s scheme', (_, colours) => {
  const of = (name: string) => colours.get(name) ?? `no colour ${name}`

  it('checks the black and white of the formula', () => {
    expect(contrast('#000', '#ffffff')).toBeCloseTo(21, 5)
  })

  it.each(textPairs)('reads %s on %s at 4.5:1 or more', (text, ground) => {
    expect(contrast(of(text), of(ground))).toBeGreaterThanOrEqual(4.5)
  })

  it.each(shapePairs)('shows %s on %s at 3:1 or more', (mark, ground) => {
    expect(contrast(of(mark), of(ground))).toBeGreaterThanOrEqual(3)
  })
})
