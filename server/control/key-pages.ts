import { type Request, type Response, Router } from 'express'
import { InterlockError } from '#domain/errors.ts'
import type { Caller, Role } from '#domain/snapshot.ts'
import { csrfOf, viewerOf } from '#http/auth.ts'
import { decodeCursor, encodeCursor } from '#http/cursor.ts'
import { answers } from '#http/error-handler.ts'
import { permissions, requireRole, roles } from '#http/permissions.ts'
import { compile, compileQuery } from '#http/validate.ts'
import type { KeyForm, KeyRow, KeysView } from '#reports/key-view.ts'
import { listKeys, type StoredKey } from '#store/callers.ts'
import type { Database } from '#store/database.ts'
import type { ControlDeps } from './control-deps.ts'
import { newKeyBodySchema } from './key-schemas.ts'
import { makeKey } from './manage-keys.ts'
import { formQuery, page, type ReportPagesDeps, show } from './page-shell.ts'
import { readSentForm } from './sent-form.ts'

const pageSize = 50
const keysForm = compileQuery({
  type: 'object',
  properties: { cursor: { type: 'string', maxLength: 512 } },
  additionalProperties: false,
} as const)
const checkBody = compile(newKeyBodySchema)

const roleWords: Readonly<Record<Role, string>> = {
  gateway: 'Sends requests; opens no page.',
  viewer: 'Reads everything but keys.',
  author: wordsOf('author'),
  approver: wordsOf('approver'),
  operator: wordsOf('operator'),
  admin: 'Everything, keys among it.',
}

/** What a role may do besides reading, from the permissions themselves. */
function wordsOf(role: Role): string {
  const own = Object.values(permissions).filter((each) => (each.roles as readonly Role[]).includes(role))
  const does = own.map((each) => each.does).filter((word) => word !== 'read')
  return `May ${does.slice(0, 3).join('; ')}${does.length > 3 ? '; and more' : ''}.`
}

/** The page of keys, for admins: a list without secrets, a form for a new key, and a way to revoke each (E4). */
export function mountKeyPage(router: Router, deps: ReportPagesDeps): void {
  page(router, deps, '/keys', async (req, res) => {
    const viewer = deps.viewerOf(req)
    if (viewer === null) return
    requireRole(viewer, 'manage-keys')
    const { cursor } = formQuery(req, keysForm)
    const afterName = decodeCursor(cursor, ['string'])?.[0]
    const found = await readKeys(deps.db, { viewer, nowMs: deps.clock(), afterName })
    const view = { ...found, made: null, form: keyForm({}, null) }
    await show(deps, req, res, { page: 'keys', view, title: 'Keys' })
  })
}

async function readKeys(
  db: Database,
  of: { readonly viewer: Caller; readonly nowMs: number; readonly afterName: string | undefined },
): Promise<Pick<KeysView, 'items' | 'nextUrl'>> {
  const { viewer, nowMs, afterName } = of
  const rows = await listKeys(db, { limit: pageSize + 1, ...(afterName !== undefined && { afterName }) })
  const items = rows.slice(0, pageSize).map((key) => keyRow(key, viewer, nowMs))
  const last = rows.length > pageSize ? items.at(-1) : undefined
  return { items, nextUrl: last === undefined ? null : `/keys?cursor=${encodeCursor([last.name])}` }
}

function keyRow(key: StoredKey, viewer: Caller, nowMs: number): KeyRow {
  const { id, name, role, principal, createdBy, createdAt, expiresAt, rotatedAt, revokedAt } = key
  const hasEnded = expiresAt !== null && expiresAt <= nowMs
  const isPreviousTaken = key.previousUntil !== null && key.previousUntil > nowMs
  return {
    ...{ id, name, role, principal, createdBy, createdAt, expiresAt, rotatedAt, revokedAt },
    state: revokedAt !== null ? 'revoked' : hasEnded ? 'expired' : 'active',
    limits: [
      ...(key.routes === null ? [] : [`routes: ${key.routes.join(', ') || 'none'}`]),
      ...(key.models === null ? [] : [`models: ${key.models.join(', ') || 'none'}`]),
      ...Object.entries(key.metadata).map(([field, value]) => `${field}: ${value}`),
    ],
    previousUntil: isPreviousTaken ? key.previousUntil : null,
    isOwn: id === viewer.keyId,
  }
}

function keyForm(sent: Readonly<Record<string, string>>, problem: string | null): KeyForm {
  return {
    name: sent['name'] ?? '',
    principal: sent['principal'] ?? '',
    roles: roles.map((value) => ({ value, does: roleWords[value], isChosen: value === (sent['role'] ?? 'gateway') })),
    problem,
  }
}

/** The form for a new key. Its answer is the page with the secret: nothing leads back to it. */
export function keyFormRouter(deps: ControlDeps): Router {
  const router = Router()
  router.post('/keys', (req, res) => submit(deps, req, res))
  return router
}

async function submit(deps: ControlDeps, req: Request, res: Response): Promise<void> {
  const { caller, fields } = await readSentForm(req, 'manage-keys')
  const names = ['name', 'principal', 'role'].filter((name) => (fields.get(name) ?? '').trim() !== '')
  const sent = Object.fromEntries(names.map((name) => [name, (fields.get(name) ?? '').trim()]))
  const outcome = await tryToMake(deps, caller, sent)
  const found = await readKeys(deps.db, { viewer: caller, nowMs: deps.clock.nowMs(), afterName: undefined })
  const isMade = outcome.made !== null
  const view = { ...found, made: outcome.made, form: keyForm(isMade ? {} : sent, outcome.problem) }
  res.status(isMade ? 201 : answers.VALIDATION_FAILED.status)
  const pages = { db: deps.db, clock: deps.clock.nowMs, viewerOf, csrfOf }
  await show(pages, req, res, { page: 'keys', view, title: isMade ? 'Key made' : 'Keys' })
}

async function tryToMake(
  deps: ControlDeps,
  caller: Caller,
  sent: Readonly<Record<string, string>>,
): Promise<{ readonly made: KeysView['made']; readonly problem: string | null }> {
  const checked = checkBody(sent)
  if ('problems' in checked) {
    const [first] = checked.problems
    return { made: null, problem: `Nothing was made: ${first?.path.slice(1) || 'the form'} ${first?.message ?? ''}.` }
  }
  const { name, role } = checked.value
  try {
    const { key } = await makeKey(deps, caller, checked.value)
    return { made: { name, role, secret: key }, problem: null }
  } catch (error) {
    if (!(error instanceof InterlockError) || error.code !== 'ALREADY_EXISTS') throw error
    return { made: null, problem: `Nothing was made: ${error.message}.` }
  }
}
