import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTemplate, renderTemplate, type Template, templateLimits } from '#domain/prompt-template.ts'

const attacks = `${process.env['INTERLOCK_DATA'] ?? ''}/prompt-injections/attacks.jsonl`

function parsed(source: string): Template {
  const result = parseTemplate(source)
  if ('problems' in result) throw new Error(result.problems[0]?.message)
  return result.template
}

function render(source: string, values: Readonly<Record<string, string>> = {}) {
  return renderTemplate(parsed(source), (name) => (Object.hasOwn(values, name) ? values[name] : undefined))
}

describe('prompt templates (B9)', () => {
  it.each([
    ['plain', {}, 'plain'],
    ['Hello {{name}}, {{ name }}!', { name: 'Ann' }, 'Hello Ann, Ann!'],
    ['{{#tier}}Tier {{tier}}.{{/tier}}end', { tier: 'gold' }, 'Tier gold.end'],
    ['{{#tier}}Tier {{tier}}.{{/tier}}end', {}, 'end'],
    ['{{#tier}}x{{/tier}}{{^tier}}none{{/tier}}', { tier: '' }, 'none'],
    ['a\n{{#on}}\nb\n{{/on}}\nc', { on: '1' }, 'a\nb\nc'],
    ['a\n  {{! note }}  \nb', {}, 'a\nb'],
    ['a {{! note }} b', {}, 'a  b'],
    ['{"a":{"b":1}}', {}, '{"a":{"b":1}}'],
    ['write \\{{name}} as {{name}}', { name: 'x' }, 'write {{name}} as x'],
    ['{{a}}{{#a}}{{^b}}deep{{/b}}{{/a}}', { a: 'A' }, 'Adeep'],
    ['<b>{{html}}</b>', { html: '<script>&"' }, '<b><script>&"</b>'],
    ['{{constructor}}', { constructor: 'own' } as Record<string, string>, 'own'],
  ])('renders %j with %j', (source, values, text) => {
    expect(render(source, values)).toEqual({ text })
  })

  it.each([
    ['{{name', 'never closed'],
    ['{{}}', 'names no variable'],
    ['{{7*7}}', 'names no variable'],
    ['{{a b}}', 'names no variable'],
    ['{{constructor.constructor("return 1")()}}', 'names no variable'],
    ['{{{name}}}', 'never escaped'],
    ['{{&name}}', 'never escaped'],
    ['{{> other}}', 'partial'],
    ['{{=<% %>=}}', 'delimiters'],
    ['{{#a}}', 'never closes the section "a"'],
    ['{{/a}}', 'where none is open'],
    ['{{#a}}{{#b}}{{/a}}{{/b}}', 'where "b" is open'],
    [`${'{{#a}}'.repeat(9)}${'{{/a}}'.repeat(9)}`, 'deeper than 8'],
    ['x'.repeat(templateLimits.characters + 1), 'longer than'],
  ])('refuses %j', (source, words) => {
    const result = parseTemplate(source)
    expect('problems' in result && result.problems[0]?.message).toContain(words)
  })

  it('names the variable that a request does not give, and never what is inherited', () => {
    expect(render('{{name}}')).toEqual({ missing: 'name' })
    expect(render('{{toString}}')).toEqual({ missing: 'toString' })
  })

  it('never reads a value for tags: what users send stays text', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom('{{secret}}', '{{#secret}}x{{/secret}}', '{{! x }}', '\\{{', '{{', '}}'),
        fc.string(),
        (head, tag, tail) => {
          const value = head + tag + tail
          expect(render('<{{value}}|{{#value}}{{value}}{{/value}}>', { value, secret: 'S3CRET' })).toEqual({
            text: `<${value}|${value}>`,
          })
        },
      ),
    )
  })

  it.skipIf(!existsSync(attacks))('puts attacks collected in the wild in place as they are (INTERLOCK_DATA)', () => {
    const lines = readFileSync(attacks, 'utf8').trim().split('\n')
    const texts = lines.map((line) => (JSON.parse(line) as { text: string }).text)
    expect(texts.length).toBeGreaterThan(400)
    for (const text of texts) {
      const value = `${text}{{secret}}`
      expect(render('Answer: {{value}}', { value, secret: 'S3CRET' })).toEqual({ text: `Answer: ${value}` })
    }
  })

  it('gives back any text without braces unchanged', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((text) => !text.includes('{{')),
        (text) => {
          expect(render(text)).toEqual({ text })
        },
      ),
    )
  })

  it('stops at the size allowed, however often a value is repeated', () => {
    const source = '{{v}}'.repeat(1_000)
    expect(render(source, { v: 'x'.repeat(10_000) })).toEqual({ tooLong: true })
    expect(renderTemplate(parsed('{{v}}'), () => 'four', 4)).toEqual({ text: 'four' })
    expect(renderTemplate(parsed('{{v}}'), () => 'fives', 4)).toEqual({ tooLong: true })
  })
})
