import type { Request } from 'express'
import { InterlockError } from '#domain/errors.ts'
import type { Caller } from '#domain/snapshot.ts'
import type { Database } from '#store/database.ts'
import {
  type ClaimRequest,
  claimIdempotencyKey,
  releaseIdempotencyKey,
  type StoredAnswer,
  storeAnswer,
} from '#store/idempotency.ts'
import type { Reply } from './operation.ts'

interface Write {
  readonly req: Request
  readonly caller: Caller
  /** sha256 of method, address and body, hex. */
  readonly fingerprint: string
  readonly secretFields: readonly string[]
}

/**
 * Runs a write at most once per `Idempotency-Key` and caller. The same request again gets the stored answer (with
 * `idempotency-replayed: true`, and without fields that are shown once); a refused one gives the key back, since it changed
 * nothing. If the process dies between the change and the answer, the key stays in flight until it is forgotten after 24 h:
 * running the write again could do it twice.
 *
 * @throws InterlockError IDEMPOTENCY_IN_FLIGHT, IDEMPOTENCY_MISMATCH, VALIDATION_FAILED for a key that is none
 */
export async function withIdempotency(
  deps: { readonly db: Database; readonly clock: { nowMs(): number } },
  write: Write,
  run: () => Promise<Reply | null>,
): Promise<Reply | null> {
  const key = readKey(write.req)
  if (key === null) return run()
  const request = { key, caller: write.caller.keyId, fingerprint: write.fingerprint, at: deps.clock.nowMs() }
  const claim = await claimIdempotencyKey(deps.db, request)
  if (claim.kind === 'answered') return replay(claim.answer)
  if (claim.kind === 'in_flight') {
    const message =
      'a request with this idempotency key has not ended (or its end was lost); look before you send it anew'
    throw new InterlockError('IDEMPOTENCY_IN_FLIGHT', message)
  }
  if (claim.kind === 'other_request') {
    const message = 'this idempotency key was used for another request; use a new key for a new request'
    throw new InterlockError('IDEMPOTENCY_MISMATCH', message)
  }
  return runClaimed(deps.db, request, write, run)
}

async function runClaimed(
  db: Database,
  request: ClaimRequest,
  write: Write,
  run: () => Promise<Reply | null>,
): Promise<Reply | null> {
  let reply: Reply | null
  try {
    reply = await run()
  } catch (error) {
    if (changedNothing(error)) await releaseIdempotencyKey(db, request)
    throw error
  }
  if (reply !== null) await storeAnswer(db, request, storable(reply, write.secretFields))
  return reply
}

/** A refusal, or an error the database itself reported (it rolled back). Any other error may have come after the change. */
function changedNothing(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return error instanceof InterlockError || (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code))
}

function readKey(req: Request): string | null {
  const key = req.get('idempotency-key')
  if (key === undefined) return null
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key
  const message = 'must be 1 to 255 visible ASCII characters'
  throw new InterlockError('VALIDATION_FAILED', `the header idempotency-key ${message}`, [
    { path: 'idempotency-key', message },
  ])
}

function storable(reply: Reply, secretFields: readonly string[]): StoredAnswer {
  const { status, headers = {} } = reply
  if (reply.body === undefined) return { status, body: null, headers }
  const body = { ...(reply.body as Record<string, unknown>) }
  for (const field of secretFields) if (field in body) body[field] = null
  return { status, body, headers }
}

function replay({ status, body, headers }: StoredAnswer): Reply {
  const marked = { ...headers, 'idempotency-replayed': 'true' }
  return body === null ? { status, headers: marked } : { status, body, headers: marked }
}
