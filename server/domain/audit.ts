import { createHash } from 'node:crypto'
import { canonicalJson } from './canonical.ts'

/** Who did what to what. `details` is plain JSON and never holds a secret, a prompt or an answer. */
export interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Name of the key, `engine`, or `bootstrap`. */
  readonly actor: string
  /** Verb of a noun: `proposal.approve`, `key.create`. */
  readonly action: string
  /** `kind:name`: `route:support-reply`. */
  readonly subject: string
  readonly details: Readonly<Record<string, unknown>>
}

/** An entry with its place in the chain. */
export interface ChainedEntry extends AuditEntry {
  /** 1 for the first, without gaps. */
  readonly seq: number
  readonly prevHash: string
  readonly hash: string
}

/** What the first entry follows. */
export const chainStart: string = '0'.repeat(64)

/** sha256 over the hash before and the canonical JSON (RFC 8785) of the entry, hex. */
export function chainHash(prevHash: string, seq: number, entry: AuditEntry): string {
  const { at, actor, action, subject, details } = entry
  return createHash('sha256')
    .update(prevHash)
    .update(canonicalJson({ seq, at: new Date(at).toISOString(), actor, action, subject, details }))
    .digest('hex')
}

/** Where verification stands after the entries seen so far. */
export interface ChainCheck {
  readonly entries: number
  /** Hash of the last good entry. Kept elsewhere, it proves later that nothing was cut off the end. */
  readonly head: string
  /** The first entry that does not fit; null while all do. */
  readonly broken: { readonly seq: number; readonly reason: string } | null
}

export const uncheckedChain: ChainCheck = { entries: 0, head: chainStart, broken: null }

/**
 * Verifies the next entries of a chain, in order of seq. Pure: call it batch by batch with the check it returned before.
 *
 * Finds every change, removal, insertion and swap between two entries; an end that was cut off is found only by comparing
 * `head` or `entries` with a value kept elsewhere.
 */
export function verifyChain(check: ChainCheck, entries: readonly ChainedEntry[]): ChainCheck {
  let { entries: count, head } = check
  if (check.broken !== null) return check
  for (const entry of entries) {
    const reason = faultOf(entry, count + 1, head)
    if (reason !== null) return { entries: count, head, broken: { seq: entry.seq, reason } }
    count += 1
    head = entry.hash
  }
  return { entries: count, head, broken: null }
}

function faultOf(entry: ChainedEntry, seq: number, head: string): string | null {
  if (entry.seq !== seq) return `entry ${seq} is missing: the next one stored is ${entry.seq}`
  if (entry.prevHash !== head) return `entry ${seq} does not follow the entry before it`
  if (entry.hash !== chainHash(head, seq, entry)) return `entry ${seq} was changed after it was written`
  return null
}
