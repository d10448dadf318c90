import type { ServerResponse } from 'node:http'
import type { Caller, Snapshot } from '#domain/snapshot.ts'
import { routesOf } from './access.ts'
import { type ApiError, type Head, invalidRequest } from './openai-error.ts'

/** `GET /v1/models` and `GET /v1/models/{name}`: the routes a key may call. @returns the error to answer with; null: answered */
export function sendModels(
  { res, head }: { readonly res: ServerResponse; readonly head: Head },
  path: string,
  { caller, snapshot }: { readonly caller: Caller; readonly snapshot: Snapshot },
): ApiError | null {
  const models = routesOf(caller, snapshot).map((entry) => ({
    id: entry.name,
    object: 'model',
    created: 0,
    owned_by: entry.owner,
  }))
  if (path === '/v1/models' || path === '/v1/models/') {
    sendJson(res, head, { object: 'list', data: models })
    return null
  }
  const name = decoded(path.slice('/v1/models/'.length))
  const found = models.find((model) => model.id === name)
  if (found === undefined) {
    const message = `The model '${name.slice(0, 200)}' does not exist or you do not have access to it.`
    return invalidRequest(404, 'model_not_found', message, 'model')
  }
  sendJson(res, head, found)
  return null
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function sendJson(res: ServerResponse, head: Head, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value))
  head['content-type'] = 'application/json; charset=utf-8'
  head['content-length'] = body.length
  res.writeHead(200, head).end(body)
}
