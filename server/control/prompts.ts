import { canonicalDigest } from '#domain/canonical.ts'
import { InterlockError } from '#domain/errors.ts'
import { checkPromptMessages, maxPromptMessages, promptRoles, variablesOf } from '#domain/prompt.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { created, type Operation, ok } from '#http/operation.ts'
import {
  insertPromptVersion,
  listPrompts,
  listPromptVersions,
  readPromptVersion,
  type StoredPrompt,
} from '#store/prompts.ts'
import { changeStored, refuse, stillThere } from './change.ts'
import { iso, nameSchema, pageSchema, timeSchema, versionParamSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

const messagesSchema = {
  type: 'array',
  minItems: 1,
  maxItems: maxPromptMessages,
  items: {
    type: 'object',
    properties: {
      role: { enum: promptRoles },
      content: {
        type: 'string',
        description:
          'a template: {{name}}, {{#name}}...{{/name}}, {{^name}}...{{/name}}, {{! comment }}, \\{{ for two braces; values are inserted as they are',
      },
    },
    required: ['role', 'content'],
    additionalProperties: false,
  },
} as const

const descriptionSchema = { type: 'string', maxLength: 2_000 } as const

const promptSchema = {
  type: 'object',
  properties: {
    name: nameSchema,
    version: { type: 'integer' },
    description: descriptionSchema,
    messages: messagesSchema,
    variables: { type: 'array', items: { type: 'string' }, description: 'every variable the messages mention' },
    digest: { type: 'string' },
    createdBy: { type: 'string' },
    createdAt: timeSchema,
  },
  required: ['name', 'version', 'description', 'messages', 'variables', 'digest', 'createdBy', 'createdAt'],
} as const

/** Named prompts and their immutable versions; a route uses one by naming it in its spec. */
export const promptOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'createPromptVersion',
    method: 'post',
    path: '/api/prompts/{name}/versions',
    action: 'propose',
    tag: 'prompts',
    summary: 'Stores the next version of a prompt; it serves nothing until a route version names it',
    params: { name: nameSchema },
    body: {
      kind: 'json',
      schema: {
        type: 'object',
        properties: { messages: messagesSchema, description: descriptionSchema },
        required: ['messages'],
        additionalProperties: false,
      },
    },
    responses: { 201: { description: 'stored', schema: promptSchema } },
    handle: async (deps, { caller, params: { name }, body }) => {
      const { messages, description = '' } = body
      refuse(checkPromptMessages(messages).map((problem) => ({ ...problem, path: `/messages${problem.path}` })))
      const digest = canonicalDigest(messages)
      const act = { actor: caller.name, action: 'prompt.create', subject: `prompt:${name}` }
      const version = await changeStored(deps, act, async (tx, at) => {
        const stored = { name, messages, digest, description, by: caller.name, at }
        const result = await insertPromptVersion(tx, stored)
        return { result, details: { version: result, digest, description } }
      })
      const prompt = await stillThere(readPromptVersion(deps.db, name, version))
      return created(promptView(prompt), `/api/prompts/${name}/versions/${version}`)
    },
  }),
  operation({
    id: 'listPrompts',
    method: 'get',
    path: '/api/prompts',
    action: 'read',
    tag: 'prompts',
    summary: 'Lists prompts by name, each with its newest version',
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(promptSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const after = decodeCursor(query.cursor, ['string'])?.[0]
      const rows = await listPrompts(deps.db, { limit: limit + 1, ...(after !== undefined && { after }) })
      return ok(pageOf(rows, limit, { item: promptView, place: (prompt) => [prompt.name] }))
    },
  }),
  operation({
    id: 'listPromptVersions',
    method: 'get',
    path: '/api/prompts/{name}/versions',
    action: 'read',
    tag: 'prompts',
    summary: 'Lists the versions of a prompt, newest first',
    params: { name: nameSchema },
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(promptSchema) } },
    handle: async (deps, { params: { name }, query }) => {
      const limit = query.limit ?? 50
      const before = decodeCursor(query.cursor, ['number'])?.[0]
      const rows = await listPromptVersions(deps.db, {
        name,
        limit: limit + 1,
        ...(before !== undefined && { before }),
      })
      if (rows.length === 0 && before === undefined) throw noPrompt(name)
      return ok(pageOf(rows, limit, { item: promptView, place: (prompt) => [prompt.version] }))
    },
  }),
  operation({
    id: 'getPromptVersion',
    method: 'get',
    path: '/api/prompts/{name}/versions/{version}',
    action: 'read',
    tag: 'prompts',
    summary: 'Reads a version of a prompt',
    params: { name: nameSchema, version: versionParamSchema },
    responses: { 200: { description: 'the version', schema: promptSchema } },
    handle: async (deps, { params: { name, version } }) => {
      const prompt = await readPromptVersion(deps.db, name, Number(version))
      if (prompt === null) throw noPrompt(`${name}@${version}`)
      return ok(promptView(prompt))
    },
  }),
]

function noPrompt(name: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no prompt "${name}"; POST /api/prompts/NAME/versions adds one`)
}

function promptView(prompt: StoredPrompt) {
  const { createdAt, ...rest } = prompt
  return { ...rest, variables: variablesOf(prompt.messages), createdAt: iso(createdAt) }
}
