import Handlebars from 'handlebars'

const unsafe = /[&<>"'`=]/g
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#x27;',
  '`': '&#x60;',
  '=': '&#x3D;',
}

/** HTML of ours, every value in it already escaped: templates write it as it is. */
export type Markup = Handlebars.SafeString

/** Text for an HTML text node or a quoted attribute. */
export function escapeText(value: string | number): string {
  return String(value).replace(unsafe, (char) => entities[char] ?? char)
}

/**
 * Tagged template: literals stay, values are escaped unless they are markup themselves. Lists of markup are joined.
 *
 * The only place where HTML is made outside the templates (a test keeps it so).
 */
export function html(literals: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  let text = literals[0] ?? ''
  values.forEach((value, index) => {
    text += piece(value) + (literals[index + 1] ?? '')
  })
  return new Handlebars.SafeString(text)
}

/**
 * Text for a text node only: quotes stay, since JSON is full of them and each would cost six characters. Never for an attribute.
 */
export function textNode(value: string): Markup {
  return new Handlebars.SafeString(value.replace(/[&<>]/g, (char) => entities[char] ?? char))
}

export type MarkupValue = string | number | null | Markup | readonly Markup[]

function piece(value: MarkupValue): string {
  if (value === null) return ''
  if (typeof value === 'string' || typeof value === 'number') return escapeText(value)
  return Array.isArray(value) ? value.map(String).join('') : String(value)
}
