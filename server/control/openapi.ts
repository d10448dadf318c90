import { answers } from '#http/error-handler.ts'
import type { BodySpec, Operation } from '#http/operation.ts'
import { permissions } from '#http/permissions.ts'

const problemSchema = {
  type: 'object',
  description: 'RFC 9457 problem details',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'id of the request, as in the logs' },
    code: { enum: Object.keys(answers) },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          path: { type: 'string', description: 'JSON pointer into the body; ?name in the query, {name} in the path' },
          message: { type: 'string' },
        },
        required: ['path', 'message'],
      },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'errors'],
} as const

/** The OpenAPI 3.1 document of the control plane, made from the operations that are mounted. */
export function openApiDocument<Deps>(operations: readonly Operation<Deps>[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) }
  }
  paths['/api/openapi.json'] = {
    get: {
      operationId: 'getOpenApi',
      tags: ['about'],
      summary: 'This document',
      security: [],
      responses: {
        200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
      },
    },
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Interlock control plane',
      version: '1',
      description:
        'Routes, proposals, quality bars, datasets, evals and records. Money is USD, prices USD per million tokens, shares percent, scores 0 to 1 with 1 best, times ISO 8601 UTC, durations such as 30s, 15m, 2h, 7d. Lists are {items, nextCursor}.',
    },
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'a key of a role that may' } },
      schemas: { Problem: problemSchema },
      responses: {
        Problem: {
          description: 'refused',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  }
}

function describe<Deps>(operation: Operation<Deps>): object {
  const isWrite = operation.method !== 'get'
  const responses = Object.entries(operation.responses).map(([status, { description, schema }]) => [
    status,
    schema === undefined
      ? { description }
      : { description, content: { 'application/json': { schema: published(schema) } } },
  ])
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    description: `Roles: ${permissions[operation.action].roles.join(', ')}.`,
    parameters: [
      ...parameters('path', operation.params),
      ...parameters('query', operation.query),
      ...(isWrite ? [idempotencyKey] : []),
    ],
    ...(operation.body && { requestBody: describeBody(operation.body) }),
    responses: { ...Object.fromEntries(responses), default: { $ref: '#/components/responses/Problem' } },
  }
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'the same key with the same request gets the stored answer, with `idempotency-replayed: true`',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
} as const

function parameters(place: 'path' | 'query', schemas: Readonly<Record<string, object>>): object[] {
  return Object.entries(schemas).map(([name, schema]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: published(schema),
  }))
}

function describeBody(body: BodySpec<object>): object {
  if (body.kind === 'json') {
    const required = body.isOptional !== true
    return { required, content: { 'application/json': { schema: published(body.schema) } } }
  }
  const content = body.mediaTypes.map((type) => [type, { schema: { type: 'string', format: 'binary' } }])
  return { required: true, content: Object.fromEntries(content) }
}

/** A schema without the keywords that only our own messages use. */
function published(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(published)
  if (typeof schema !== 'object' || schema === null) return schema
  const kept = Object.entries(schema).filter(([name]) => name !== 'x-expects' && name !== 'x-secret')
  return Object.fromEntries(kept.map(([name, value]) => [name, published(value)]))
}
