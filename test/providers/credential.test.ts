import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCredentialReader, isCredentialReference } from '#providers/credential.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'interlock-credential-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('credentials by reference (B3)', () => {
  it('reads the environment at every call and a file again after ten seconds', () => {
    let now = 0
    let variable = 'first'
    const read = createCredentialReader(
      (name) => (name === 'API_KEY' ? variable : null),
      () => now,
    )
    expect(read('env:API_KEY')).toBe('first')
    variable = 'second'
    expect(read('env:API_KEY')).toBe('second')
    const path = join(directory, 'key')
    writeFileSync(path, 'one\n')
    expect(read(`file:${path}`)).toBe('one')
    writeFileSync(path, 'two\n')
    expect(read(`file:${path}`)).toBe('one')
    now = 10_001
    expect(read(`file:${path}`)).toBe('two')
  })

  it.each([
    ['env:UNSET', null],
    ['env:EMPTY', ''],
    ['env:SPLIT', 'abc\r\nx-injected: 1'],
    ['env:WIDE', 'schlüssel'],
    ['file:/no/such/file', null],
    ['sk-live-secret', null],
  ])('cannot use %s and says so without the secret', (reference, value) => {
    const read = createCredentialReader(
      () => value,
      () => 0,
    )
    let message = ''
    try {
      read(reference)
    } catch (error) {
      message = String(error)
    }
    expect(message).toMatch(/cannot be read/)
    expect(message).not.toMatch(/injected|schlüssel|sk-live-secret/)
  })

  it.each([
    ['env:OPENAI_API_KEY', true],
    ['file:/run/secrets/key', true],
    ['file:relative/key', true],
    ['env:', false],
    ['env:A B', false],
    ['sk-abc', false],
    ['file:', false],
    ['ENV:X', false],
  ])('%s is a reference: %s', (text, expected) => {
    expect(isCredentialReference(text)).toBe(expected)
  })
})
