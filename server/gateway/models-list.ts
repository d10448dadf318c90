import type { ServerResponse } from 'node:http'
import type { Caller, RouteEntry, Snapshot } from '#domain/snapshot.ts'
import { routesOf } from './access.ts'
import { type ApiError, type Head, invalidRequest } from './openai-error.ts'

/** `GET /v1/models` and `GET /v1/models/{name}`: the routes a key may call. @returns the error to answer with; null: answered */
export function sendModels(
  reply: { readonly res: ServerResponse; readonly head: Head },
  path: string,
  { caller, snapshot }: { readonly caller: Caller; readonly snapshot: Snapshot },
  shape: ModelShape,
): ApiError | null {
  const models = routesOf(caller, snapshot).map(shape.item)
  if (path === '/v1/models' || path === '/v1/models/') {
    sendJson(reply, shape.list(models))
    return null
  }
  const name = decoded(path.slice('/v1/models/'.length))
  const found = models.find((model) => model.id === name)
  if (found === undefined) {
    const message = `The model '${name.slice(0, 200)}' does not exist or you do not have access to it.`
    return invalidRequest(404, 'model_not_found', message, 'model')
  }
  sendJson(reply, found)
  return null
}

interface ListedModel {
  readonly id: string
}

/** How one kind of client reads a list of models. */
export interface ModelShape {
  item(entry: RouteEntry): ListedModel
  list(models: readonly ListedModel[]): unknown
}

export const openAiModels: ModelShape = {
  item: ({ name, owner }) => ({ id: name, object: 'model', created: 0, owned_by: owner }) as ListedModel,
  list: (models) => ({ object: 'list', data: models }),
}

/** All on one page: a key has few routes. */
export const anthropicModels: ModelShape = {
  item: ({ name }) =>
    ({ id: name, type: 'model', display_name: name, created_at: '1970-01-01T00:00:00Z' }) as ListedModel,
  list: (models) => ({
    data: models,
    has_more: false,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  }),
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function sendJson({ res, head }: { readonly res: ServerResponse; readonly head: Head }, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value))
  head['content-type'] = 'application/json; charset=utf-8'
  head['content-length'] = body.length
  res.writeHead(200, head).end(body)
}
