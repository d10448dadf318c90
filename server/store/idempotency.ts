import type { Kysely } from 'kysely'
import { json } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** The answer a write gave, to be given again. */
export interface StoredAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
}

export type Claim =
  | { readonly kind: 'claimed' }
  | { readonly kind: 'in_flight' }
  | { readonly kind: 'other_request' }
  | { readonly kind: 'answered'; readonly answer: StoredAnswer }

export interface ClaimRequest {
  readonly key: string
  readonly caller: string
  /** sha256 of method, address and body, hex. */
  readonly fingerprint: string
  readonly at: number
}

/** Keys are remembered this long. */
const keepMs = 24 * 3_600_000

/** Takes an idempotency key for a request, or says what became of the request that has it. One statement decides a race. */
export async function claimIdempotencyKey(db: Db, request: ClaimRequest): Promise<Claim> {
  await db
    .deleteFrom('idempotency_keys')
    .where('created_at', '<', new Date(request.at - keepMs))
    .execute()
  const inserted = await db
    .insertInto('idempotency_keys')
    .values({
      key: request.key,
      caller: request.caller,
      fingerprint: request.fingerprint,
      status: null,
      body: null,
      created_at: new Date(request.at),
    })
    .onConflict((conflict) => conflict.columns(['key', 'caller']).doNothing())
    .executeTakeFirst()
  if ((inserted.numInsertedOrUpdatedRows ?? 0n) === 1n) return { kind: 'claimed' }
  const row = await db
    .selectFrom('idempotency_keys')
    .select(['fingerprint', 'status', 'body'])
    .where('key', '=', request.key)
    .where('caller', '=', request.caller)
    .executeTakeFirst()
  // Released between the two statements: the client may try again.
  if (row === undefined) return { kind: 'in_flight' }
  if (row.fingerprint !== request.fingerprint) return { kind: 'other_request' }
  if (row.status === null) return { kind: 'in_flight' }
  const stored = row.body as { body?: unknown; headers: Record<string, string> }
  return { kind: 'answered', answer: { status: row.status, body: stored.body, headers: stored.headers } }
}

export async function storeAnswer(db: Db, request: ClaimRequest, answer: StoredAnswer): Promise<void> {
  await db
    .updateTable('idempotency_keys')
    .set({ status: answer.status, body: json({ body: answer.body, headers: answer.headers }) })
    .where('key', '=', request.key)
    .where('caller', '=', request.caller)
    .execute()
}

/** Gives a key back: the request was refused and changed nothing. */
export async function releaseIdempotencyKey(db: Db, request: ClaimRequest): Promise<void> {
  await db
    .deleteFrom('idempotency_keys')
    .where('key', '=', request.key)
    .where('caller', '=', request.caller)
    .where('status', 'is', null)
    .execute()
}
