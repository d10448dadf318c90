import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { canonicalDigest } from '#domain/canonical.ts'
import type { RouteVersion } from '#domain/route.ts'
import type { Caller, RouteEntry, Snapshot } from '#domain/snapshot.ts'
import { type ApiError, invalidRequest } from './openai-error.ts'

export type Access<T> = T | { readonly error: ApiError }

const bearer = /^Bearer +([^\s]{1,512})$/i

/**
 * The caller behind a request's key, from the snapshot: a database that is away keeps nobody out (E7). The key stands in
 * `Authorization`, or where that is missing in `x-api-key`, as Anthropic's clients send it.
 */
export function callerOf(req: IncomingMessage, snapshot: Snapshot, nowMs: number): Access<{ readonly caller: Caller }> {
  const header = req.headers.authorization ?? ''
  const named = req.headers['x-api-key']
  const plain = typeof named === 'string' && named.length <= 512 ? named : ''
  if (header === '' && plain === '') {
    const message =
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
    return { error: invalidRequest(401, 'invalid_api_key', message) }
  }
  const key = header === '' ? plain : bearer.exec(header)?.[1]
  // Found by its hash: how far a guess agrees with a key cannot be told from the time this takes.
  const caller = key === undefined ? undefined : snapshot.callers.get(hash('sha256', key))
  if (caller === undefined) return { error: invalidRequest(401, 'invalid_api_key', 'Incorrect API key provided.') }
  if (caller.expiresAtMs !== null && caller.expiresAtMs <= nowMs) {
    return { error: invalidRequest(401, 'invalid_api_key', 'The API key has expired.') }
  }
  if (caller.role !== 'gateway' && caller.role !== 'admin') {
    const message = `A key of role ${caller.role} may not call models; use one of role gateway.`
    return { error: { status: 403, message, type: 'permission_error', param: null, code: 'role_not_allowed' } }
  }
  return { caller }
}

/** Routes a caller may name, in the snapshot's order. */
export function routesOf(caller: Caller, snapshot: Snapshot): RouteEntry[] {
  return [...snapshot.routes.values()].filter((entry) => mayCall(caller, entry.name))
}

function mayCall(caller: Caller, route: string): boolean {
  return (
    caller.role === 'admin' || caller.routes === null || caller.routes.includes(route) || caller.routes.includes('*')
  )
}

/** A model addressed directly passes by every bar: only keys that name it, or `*`, may. */
function mayAddress(caller: Caller, model: string): boolean {
  return caller.role === 'admin' || caller.routes?.includes(model) === true || caller.routes?.includes('*') === true
}

/** What a request's `model` names: a route, or a model of the catalogue addressed directly. */
export function resolveModel(
  name: string,
  caller: Caller,
  snapshot: Snapshot,
): Access<{ readonly entry: RouteEntry; readonly isDirect: boolean }> {
  const entry = snapshot.routes.get(name)
  if (entry !== undefined) return mayCall(caller, name) ? { entry, isDirect: false } : { error: forbidden(name) }
  if (snapshot.models.has(name)) {
    return mayAddress(caller, name) ? { entry: directEntry(name), isDirect: true } : { error: forbidden(name) }
  }
  const message = `The model '${name}' does not exist or you do not have access to it.`
  return { error: invalidRequest(404, 'model_not_found', message, 'model') }
}

function forbidden(name: string): ApiError {
  const message = `This key may not call '${name}'.`
  return { status: 403, message, type: 'permission_error', param: 'model', code: 'model_not_allowed' }
}

/** A route of one model, for requests that name it: it has no version and no rollout. */
function directEntry(model: string): RouteEntry {
  const spec = { models: [model] }
  const stable: RouteVersion = { route: model, version: 0, spec, digest: canonicalDigest(spec) }
  return { name: model, owner: '', stable, rollout: null }
}
