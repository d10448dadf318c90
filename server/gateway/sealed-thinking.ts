import { isTooDeep } from '#domain/nesting.ts'
import { isObject } from '#providers/answer-facts.ts'
import type { Fields } from './dialect-fields.ts'
import { maxJsonDepth } from './json-edit.ts'

const prefix = 'interlock.1.'

/**
 * Anthropic's thinking, signatures included, as the `encrypted_content` of a reasoning item: clients hand it back unread, and the
 * next turn of a loop of tools needs it. Not a secret: the client sees the thinking anyway.
 */
export function sealThinking(blocks: readonly Fields[]): string {
  return prefix + Buffer.from(JSON.stringify(blocks)).toString('base64url')
}

/** @returns null for what this gateway did not write: another API's own, or nothing */
export function openThinking(sealed: unknown): Fields[] | null {
  if (typeof sealed !== 'string' || !sealed.startsWith(prefix)) return null
  try {
    const blocks: unknown = JSON.parse(Buffer.from(sealed.slice(prefix.length), 'base64url').toString())
    // What is packed away here was not held to the depth of a request.
    const isWhole =
      Array.isArray(blocks) && blocks.length > 0 && blocks.every(isObject) && !isTooDeep(blocks, maxJsonDepth)
    return isWhole ? blocks : null
  } catch {
    return null
  }
}
