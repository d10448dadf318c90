import { setImmediate } from 'node:timers/promises'
import { itemOfRequest, type RecordedRequest, samplingOrder, textOfMessages } from '#datasets/from-traffic.ts'
import type { DatasetItem } from '#datasets/item.ts'
import { parseItems } from '#datasets/load.ts'
import { NearDuplicates } from '#datasets/near-duplicates.ts'
import { withSplit } from '#datasets/split.ts'
import { toRows } from '#datasets/upload.ts'
import { InterlockError } from '#domain/errors.ts'
import { type PromptTemplate, variablesOf } from '#domain/prompt.ts'
import { redactValue } from '#domain/redaction.ts'
import type { Caller } from '#domain/snapshot.ts'
import { parseJson } from '#http/body.ts'
import type { Reply } from '#http/operation.ts'
import { mayDo } from '#http/permissions.ts'
import { compile } from '#http/validate.ts'
import type { TrafficOrigin } from '#store/datasets.ts'
import { readPayloadSetting } from '#store/payloads.ts'
import { readPrompts } from '#store/prompts.ts'
import { readRoute } from '#store/routes.ts'
import {
  listPayloadKeys,
  type PayloadKey,
  readTrafficPayloads,
  type TrafficPayload,
  type TrafficWindow,
} from '#store/traffic-payloads.ts'
import { refuse } from './change.ts'
import { nameSchema, sinceSchema } from './common-schemas.ts'
import type { ControlDeps } from './control-deps.ts'
import { sharesOf, storeVersion } from './dataset-upload.ts'
import { toMs } from './query-time.ts'
import { noRoute } from './routes.ts'

export const trafficBodySchema = {
  type: 'object',
  properties: {
    route: nameSchema,
    since: { ...sinceSchema, description: 'included; default: 7 days before the end' },
    until: { ...sinceSchema, description: 'not included; default: now' },
    sample: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 10_000,
      description: 'items wanted; below 1: the share of what is stored. Default 200',
    },
    redact: { type: 'boolean', description: 'redact the stored texts once more (default); they are redacted already' },
  },
  required: ['route'],
  additionalProperties: false,
} as const

const checkBody = compile(trafficBodySchema)
const defaultDays = 7
const defaultSample = 200
const dayMs = 86_400_000
/** Stored requests a sample is drawn from: the newest of the window. */
const maxKeys = 50_000
/** Requests read at once, and characters redacted and compared without letting anything else run: some 10 ms. */
const batchSize = 50
const turnChars = 50_000
const maxStrata = 50

export interface TrafficImport {
  readonly name: string
  readonly body: Buffer
  readonly caller: Caller
  /** As the query names it. */
  readonly split: string | undefined
}

/**
 * Makes a version of a route's recorded requests: stratified by task and workflow, redacted once more, near duplicates left
 * out. Who may read stored texts may do it, and authors where an approver has allowed it for the route: items of datasets are
 * read by everyone who may read, and stay.
 *
 * @throws InterlockError VALIDATION_FAILED, NOT_FOUND, FORBIDDEN, NO_STORED_TEXTS
 */
export async function storeTraffic(deps: ControlDeps, { name, body, caller, split }: TrafficImport): Promise<Reply> {
  const asked = readAsked(body)
  const shares = sharesOf(split)
  const nowMs = deps.clock.nowMs()
  const window = windowOf(asked, nowMs)
  await requireStoredTexts(deps, asked.route, caller)
  const keys = await listPayloadKeys(deps.db, window, maxKeys)
  if (keys.length === 0) throw nothingStored(asked.route, window)
  const wanted = wantedOf(asked.sample ?? defaultSample, keys.length)
  const drawn = await draw(deps, { keys, wanted, isRedacted: asked.redact !== false, nowMs, seed: name })
  if (drawn.items.length === 0) {
    throw new InterlockError(
      'NO_STORED_TEXTS',
      `none of the ${keys.length} stored requests of route "${asked.route}" can be an item: they were cut when they were stored, or hold nothing but the prompt`,
    )
  }
  const origin = {
    kind: 'traffic',
    route: asked.route,
    since: window.sinceMs,
    until: window.untilMs,
    found: keys.length,
    ...drawn.counts,
  } as const
  const { sha256, rows } = toRows(shares === undefined ? drawn.items : withSplit(drawn.items, shares))
  const { strata: _strata, kind: _kind, ...figures } = origin
  const details = { ...figures, sample: wanted, redact: asked.redact !== false }
  return storeVersion(
    deps,
    { name, sha256, rows, origin, by: caller.name },
    { action: 'dataset.from_traffic', details },
  )
}

type Asked = Exclude<ReturnType<typeof checkBody>, { problems: unknown }>['value']

function readAsked(body: Buffer): Asked {
  const checked = checkBody(parseJson(body))
  if ('value' in checked) return checked.value
  refuse(checked.problems)
  throw new InterlockError('VALIDATION_FAILED', 'the body is not valid')
}

function windowOf({ route, since, until }: Asked, nowMs: number): TrafficWindow {
  const untilMs = until === undefined ? nowMs : toMs('until', until)
  const sinceMs = since === undefined ? untilMs - defaultDays * dayMs : toMs('since', since)
  if (sinceMs >= untilMs) refuse([{ path: '/since', message: 'must be before the end of the time' }])
  return { route, sinceMs, untilMs, nowMs }
}

function wantedOf(sample: number, stored: number): number {
  return sample < 1 ? Math.max(1, Math.round(sample * stored)) : Math.floor(sample)
}

async function requireStoredTexts(deps: ControlDeps, route: string, caller: Caller): Promise<void> {
  if ((await readRoute(deps.db, route)) === null) throw noRoute(route)
  const setting = await readPayloadSetting(deps.db, route)
  if (setting === null) {
    throw new InterlockError(
      'NO_STORED_TEXTS',
      `route "${route}" keeps no texts of its requests; an approver switches it on: PUT /api/routes/${route}/payloads {"sampleRate": 0.1, "retention": "7d"}`,
      [{ path: '/route', message: 'keeps no texts of its requests' }],
    )
  }
  if (setting.forDatasets || mayDo(caller.role, 'read-payloads')) return
  throw new InterlockError(
    'FORBIDDEN',
    `a key of role "${caller.role}" may not read stored texts of route "${route}"; an approver allows datasets of them: PUT /api/routes/${route}/payloads with "forDatasets": true`,
  )
}

function nothingStored(route: string, { sinceMs, untilMs }: TrafficWindow): InterlockError {
  const [since, until] = [new Date(sinceMs).toISOString(), new Date(untilMs).toISOString()]
  const message = `no stored texts of route "${route}" from ${since} to ${until}: none was drawn, or they have expired`
  return new InterlockError('NO_STORED_TEXTS', message, [{ path: '/since', message: 'nothing is stored since then' }])
}

interface Draw {
  readonly keys: readonly PayloadKey[]
  readonly wanted: number
  readonly isRedacted: boolean
  readonly nowMs: number
  readonly seed: string
}

interface Drawn {
  readonly items: DatasetItem[]
  readonly counts: Pick<TrafficOrigin, 'examined' | 'nearDuplicates' | 'unusable' | 'strata'>
}

/** Tries requests in the order of the sample until it is full. Reads in batches: texts are long, and others want to be served. */
async function draw(deps: ControlDeps, { keys, wanted, isRedacted, nowMs, seed }: Draw): Promise<Drawn> {
  const order = samplingOrder(
    keys.map((key) => ({ requestId: key.requestId, stratum: stratumOf(key) })),
    seed,
  )
  const seen = new NearDuplicates()
  const items: DatasetItem[] = []
  const perStratum = new Map<string, number>()
  const counts = { examined: 0, nearDuplicates: 0, unusable: 0 }
  let chars = 0
  for (let from = 0; from < order.length && items.length < wanted; from += batchSize) {
    const ids = order.slice(from, from + batchSize).map(({ requestId }) => requestId)
    const payloads = await readTrafficPayloads(deps.db, ids, nowMs)
    const prompts = await readPrompts(deps.db, [...new Set(payloads.flatMap(promptKeyOf))])
    for (const payload of payloads) {
      if (items.length >= wanted) break
      counts.examined += 1
      chars += JSON.stringify(payload.payload).length
      if (chars > turnChars) {
        chars = 0
        await setImmediate()
      }
      const item = itemOf(payload, prompts, isRedacted)
      if (item === null) counts.unusable += 1
      else if (!seen.add(textOfMessages(item.messages))) counts.nearDuplicates += 1
      else {
        items.push(item)
        const stratum = stratumOf(payload)
        perStratum.set(stratum, (perStratum.get(stratum) ?? 0) + 1)
      }
    }
    await setImmediate()
  }
  return { items, counts: { ...counts, strata: strataOf(order, perStratum) } }
}

function stratumOf({ task, workflow }: Pick<PayloadKey, 'task' | 'workflow'>): string {
  return [task ?? 'no task', ...(workflow === null ? [] : [workflow])].join(' · ').slice(0, 200)
}

function strataOf(order: readonly { readonly stratum: string }[], taken: ReadonlyMap<string, number>) {
  const found = Map.groupBy(order, ({ stratum }) => stratum)
  return [...found]
    .map(([name, members]) => ({ name, found: members.length, items: taken.get(name) ?? 0 }))
    .sort((a, b) => b.found - a.found || (a.name < b.name ? -1 : 1))
    .slice(0, maxStrata)
}

function promptKeyOf({ payload }: TrafficPayload): string[] {
  return typeof payload['promptVersion'] === 'string' ? [payload['promptVersion']] : []
}

/** null: cut when it was stored, made with a prompt that is not known any more, or no valid item. */
function itemOf(
  recorded: TrafficPayload,
  prompts: ReadonlyMap<string, PromptTemplate>,
  isRedacted: boolean,
): DatasetItem | null {
  const { payload } = recorded
  const [key] = promptKeyOf(recorded)
  const prompt = key === undefined ? null : prompts.get(key)
  if (payload['isCut'] === true || prompt === undefined || !Array.isArray(payload['messages'])) return null
  const request: RecordedRequest = {
    requestId: recorded.requestId,
    task: recorded.task,
    workflow: recorded.workflow,
    status: recorded.status,
    messages: payload['messages'],
    promptMessages: prompt?.messages.length ?? 0,
    variables: variablesFor(prompt, recorded),
    ...textFields(payload),
  }
  const item = itemOfRequest(request)
  if (item === null) return null
  const { id, schema, ...texts } = item
  const clean = isRedacted ? { ...(redactValue(texts) as typeof texts), id, ...(schema && { schema }) } : item
  // what the gateway took is not always what an item may be: checked as if it had been uploaded
  const parsed = parseItems(JSON.stringify(clean), 'application/x-ndjson')
  return 'items' in parsed ? (parsed.items[0] ?? null) : null
}

/** What the prompt was filled in with: sent as variables, else as metadata of that name. */
function variablesFor(prompt: PromptTemplate | null, { payload, metadata }: TrafficPayload): Record<string, string> {
  const sent = payload['variables']
  const variables = typeof sent === 'object' && sent !== null ? (sent as Record<string, string>) : {}
  if (prompt === null) return variables
  const names = variablesOf(prompt.messages).filter((name) => Object.hasOwn(metadata, name))
  const fromMetadata = Object.fromEntries(names.map((name) => [name, redactValue(metadata[name]) as string]))
  return { ...fromMetadata, ...variables }
}

type TextFields = Pick<RecordedRequest, 'context' | 'reference' | 'schema' | 'tools'>

function textFields(payload: Readonly<Record<string, unknown>>): TextFields {
  const { context, reference, schema, tools } = payload
  return {
    ...(Array.isArray(context) && { context: context as string[] }),
    ...(typeof reference === 'string' && { reference }),
    ...(typeof schema === 'object' && schema !== null && { schema: schema as Record<string, unknown> }),
    ...(Array.isArray(tools) && { tools }),
  }
}
