import type { Request, Response } from 'express'
import type { Caller } from '#domain/snapshot.ts'
import type { FromSchema } from './from-schema.ts'
import type { Action } from './permissions.ts'

/** What a handler answers. `body` is plain JSON; absent for 204. */
export interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export function ok(body: unknown): Reply {
  return { status: 200, body }
}

/** @param location address of what was made */
export function created(body: unknown, location: string): Reply {
  return { status: 201, body, headers: { location } }
}

/** @param location where to watch the work that was started */
export function accepted(body: unknown, location: string): Reply {
  return { status: 202, body, headers: { location } }
}

export function noContent(): Reply {
  return { status: 204 }
}

/** A JSON body checked against a schema, or bytes that the handler reads itself. `isOptional`: no body counts as `{}`. */
export type BodySpec<B> =
  | { readonly kind: 'json'; readonly schema: B; readonly isOptional?: true }
  | { readonly kind: 'bytes'; readonly mediaTypes: readonly string[]; readonly maxBytes: number }

export interface Input<P, Q, B> {
  readonly caller: Caller
  readonly params: { readonly [K in keyof P]: string }
  readonly query: FromSchema<{ readonly type: 'object'; readonly properties: Q }>
  readonly body: B extends undefined ? Buffer : FromSchema<B>
  /** Media type of a body of bytes; 'application/json' else. */
  readonly mediaType: string
  readonly req: Request
  readonly res: Response
}

export interface Operation<Deps> {
  /** Stable name, `verbNoun`: OpenAPI's operationId. */
  readonly id: string
  readonly method: 'get' | 'post' | 'put' | 'delete'
  /** As OpenAPI writes it: `/api/routes/{name}`. */
  readonly path: string
  readonly action: Action
  readonly tag: string
  readonly summary: string
  /** Schemas of the path's parameters; `x-spans-slashes` lets the last one hold slashes. */
  readonly params: Readonly<Record<string, object>>
  /** Schemas of query parameters. */
  readonly query: Readonly<Record<string, object>>
  readonly body: BodySpec<object> | null
  /** Success status -> what the answer is. */
  readonly responses: Readonly<Record<number, { readonly description: string; readonly schema?: object }>>
  /** Fields of the answer that are shown once and never stored for replays. */
  readonly secretFields: readonly string[]
  /** @returns null when the handler has answered itself (event streams) */
  readonly handle: (deps: Deps, input: never) => Promise<Reply | null>
}

interface Declared<Deps, P, Q, B>
  extends Pick<Operation<Deps>, 'id' | 'method' | 'path' | 'action' | 'tag' | 'summary' | 'responses'> {
  readonly params?: P
  readonly query?: Q
  readonly body?: BodySpec<B>
  readonly secretFields?: readonly string[]
  readonly handle: (deps: Deps, input: Input<P, Q, B>) => Promise<Reply | null>
}

/** Declares one operation of the API: the one source of its route, its permission, its checks and its documentation. */
export function operationsOf<Deps>() {
  return <
    const P extends Readonly<Record<string, object>> = Readonly<Record<never, object>>,
    const Q extends Readonly<Record<string, object>> = Readonly<Record<never, object>>,
    const B extends object | undefined = undefined,
  >(
    declared: Declared<Deps, P, Q, B>,
  ): Operation<Deps> => ({
    ...declared,
    params: declared.params ?? {},
    query: declared.query ?? {},
    body: (declared.body as BodySpec<object> | undefined) ?? null,
    secretFields: declared.secretFields ?? [],
    handle: declared.handle as Operation<Deps>['handle'],
  })
}
