import { createHash } from 'node:crypto'
import { canonicalJson } from './content-hash.ts'
import type { Tools } from './evaluator.ts'

/** What of a question decides its reply. */
interface AskedQuestion {
  readonly model: string
  readonly system: string
  readonly user: string
  readonly nonce: string
  readonly replyName: string
  readonly replySchema: Readonly<Record<string, unknown>>
}

/** Stands where the nonce does, so that the same question has the same key. */
const anyNonce = 'nonce'

/**
 * Names a question by everything that decides its reply: the judge's model, both texts (prompt, criteria, material and the order
 * of the answers are in them), the reply's schema, the parameters, and which repetition it is. No arm, no route: equal texts of two
 * arms are one question.
 */
export function questionKey(question: AskedQuestion, parameters: object, repeat: number): string {
  const { model, replyName, replySchema, nonce } = question
  const [system, user] = [question.system, question.user].map((text) => text.replaceAll(nonce, anyNonce))
  const identity = { model, system, user, replyName, replySchema, parameters, repeat }
  return createHash('sha256').update(canonicalJson(identity)).digest('hex')
}

/** A kept reply; a cache that fails has none. */
export async function keptReply(tools: Tools, key: string, model: string): Promise<string | null> {
  try {
    return (await tools.replies?.read(key, model))?.text ?? null
  } catch {
    return null
  }
}

/** Keeps a reply that gave a verdict; a cache that fails keeps nothing. */
export async function keepReply(tools: Tools, key: string, model: string, text: string): Promise<void> {
  try {
    await tools.replies?.write(key, model, { text })
  } catch {
    // The verdict stands without it; the next time costs one more call.
  }
}
