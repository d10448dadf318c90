import type { Bar } from '#domain/bar.ts'
import { InterlockError } from '#domain/errors.ts'
import { judgeWarnings } from '#domain/judge-conflict.ts'
import type { Caller } from '#domain/snapshot.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { created, type Operation, ok } from '#http/operation.ts'
import type { Action } from '#http/permissions.ts'
import {
  abortProposal,
  approveProposal,
  pauseProposal,
  rejectProposal,
  resumeProposal,
} from '#rollout/act-on-proposal.ts'
import { rebaseProposal, retryProposal } from '#rollout/resubmit-proposal.ts'
import { submitProposal } from '#rollout/submit-proposal.ts'
import { evalRunsOf } from '#store/eval-work.ts'
import { readDecisions } from '#store/promotion-decisions.ts'
import { readTimeline, readTimelines } from '#store/proposal-timeline.ts'
import { listProposals, readProposal, type StoredProposal } from '#store/proposals.ts'
import { readVersion } from '#store/routes.ts'
import { idSchema, nameSchema, noReason, pageSchema, reasonSchema, versionSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { streamProposal } from './proposal-events.ts'
import { decisionSchema, decisionView, proposalSchema, proposalView, statusSchema } from './proposal-view.ts'
import { planSchema, specSchema } from './route-schemas.ts'

type Act = (deps: ControlDeps, caller: Caller, id: string, reason: string) => Promise<void>

function action(name: string, may: Action, summary: string, act: Act, needsReason = false): Operation<ControlDeps> {
  return operation({
    id: `${name}Proposal`,
    method: 'post',
    path: `/api/proposals/{id}/${name}`,
    action: may,
    tag: 'proposals',
    summary,
    params: { id: idSchema },
    body: {
      kind: 'json',
      isOptional: true,
      schema: {
        type: 'object',
        properties: { reason: reasonSchema },
        required: (needsReason ? ['reason'] : []) as [],
        additionalProperties: false,
      },
    },
    responses: { 200: { description: 'the proposal as it stands now', schema: proposalSchema } },
    handle: async (deps, { caller, params, body }) => {
      await act(deps, caller, params.id, body.reason ?? noReason)
      return ok(await fullView(deps, params.id))
    },
  })
}

function resubmission(
  name: 'retry' | 'rebase',
  summary: string,
  resubmit: (deps: ControlDeps, caller: Caller, id: string) => Promise<{ id: string }>,
): Operation<ControlDeps> {
  return operation({
    id: `${name}Proposal`,
    method: 'post',
    path: `/api/proposals/{id}/${name}`,
    action: 'propose',
    tag: 'proposals',
    summary,
    params: { id: idSchema },
    responses: { 201: { description: 'the new proposal', schema: proposalSchema } },
    handle: async (deps, { caller, params }) => {
      const { id } = await resubmit(deps, caller, params.id)
      return created(await fullView(deps, id), `/api/proposals/${id}`)
    },
  })
}

/** Route changes from submission to their end. */
export const proposalOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'submitProposal',
    method: 'post',
    path: '/api/proposals',
    action: 'propose',
    tag: 'proposals',
    summary: 'Submits a route change for judging: an immutable version and its rollout plan',
    body: {
      kind: 'json',
      schema: {
        type: 'object',
        properties: {
          route: nameSchema,
          title: { type: 'string', minLength: 1, maxLength: 200 },
          description: { type: 'string', maxLength: 10_000 },
          base: versionSchema,
          spec: specSchema,
          plan: planSchema,
          supersedes: { ...idSchema, description: 'the open proposal that this one replaces: it is withdrawn' },
        },
        required: ['route', 'title', 'base', 'spec', 'plan'],
        additionalProperties: false,
      },
    },
    responses: { 201: { description: 'submitted', schema: proposalSchema } },
    handle: async (deps, { caller, body }) => {
      const { supersedes, ...input } = body
      const { id } = await submitProposal(deps, caller, {
        ...input,
        description: body.description ?? '',
        ...(supersedes !== undefined && { origin: { kind: 'supersede' as const, of: supersedes } }),
      })
      return created(await fullView(deps, id), `/api/proposals/${id}`)
    },
  }),
  operation({
    id: 'listProposals',
    method: 'get',
    path: '/api/proposals',
    action: 'read',
    tag: 'proposals',
    summary: 'Lists proposals, newest first',
    query: { ...pageQuery, route: nameSchema, status: statusSchema },
    responses: { 200: { description: 'a page', schema: pageSchema(proposalSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const place = decodeCursor(query.cursor, ['number', 'string'])
      const rows = await listProposals(deps.db, {
        limit: limit + 1,
        ...(query.route !== undefined && { route: query.route }),
        ...(query.status !== undefined && { status: query.status }),
        ...(place && { after: { createdAt: place[0], id: place[1] } }),
      })
      const timelines = await readTimelines(
        deps.db,
        rows.map((row) => row.id),
      )
      const item = (row: StoredProposal) => proposalView(row, timelines.get(row.id) ?? [])
      return ok(pageOf(rows, limit, { item, place: (row) => [row.createdAt, row.id] }))
    },
  }),
  operation({
    id: 'getProposal',
    method: 'get',
    path: '/api/proposals/{id}',
    action: 'read',
    tag: 'proposals',
    summary: 'Reads a proposal with its gates and timeline',
    params: { id: idSchema },
    responses: { 200: { description: 'the proposal', schema: proposalSchema } },
    handle: async (deps, { params }) => ok(await fullView(deps, params.id)),
  }),
  action('approve', 'approve', 'Gives the approval the proposal waits for; its author cannot', approveProposal),
  action('reject', 'approve', 'Ends a proposal; live traffic goes back at once', rejectProposal, true),
  action('pause', 'hold-rollout', 'Stops advancing; a rollback still fires', pauseProposal),
  action('resume', 'hold-rollout', 'Lets a paused proposal advance again', resumeProposal),
  resubmission('retry', 'Submits an ended proposal again, as a proposal of its own', retryProposal),
  resubmission('rebase', 'Carries an ended proposal over to the version that is stable now', rebaseProposal),
  action('abort', 'hold-rollout', 'Withdraws a proposal; live traffic goes back at once', abortProposal),
  operation({
    id: 'listProposalDecisions',
    method: 'get',
    path: '/api/proposals/{id}/decisions',
    action: 'read',
    tag: 'proposals',
    summary: "The engine's verdicts, newest first, each with the evidence it saw",
    params: { id: idSchema },
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(decisionSchema) } },
    handle: async (deps, { params, query }) => {
      const proposal = await existing(deps, params.id)
      const limit = query.limit ?? 50
      const before = decodeCursor(query.cursor, ['number'])?.[0]
      const rows = await readDecisions(deps.db, proposal.id, limit + 1, before?.toString())
      const item = (row: (typeof rows)[number]) => decisionView(row, proposal.plan)
      return ok(pageOf(rows, limit, { item, place: (row) => [Number(row.seq)] }))
    },
  }),
  operation({
    id: 'streamProposalEvents',
    method: 'get',
    path: '/api/proposals/{id}/events',
    action: 'read',
    tag: 'proposals',
    summary: 'Server-sent events: the timeline as it grows, and a note whenever the evidence changed',
    params: { id: idSchema },
    responses: { 200: { description: 'text/event-stream' }, 204: { description: 'ended, and everything was sent' } },
    handle: async (deps, { params, req, res }) => streamProposal(deps, await existing(deps, params.id), req, res),
  }),
]

async function existing(deps: ControlDeps, id: string): Promise<StoredProposal> {
  const proposal = await readProposal(deps.db, id)
  if (proposal === null) throw new InterlockError('NOT_FOUND', `there is no proposal "${id}"`)
  return proposal
}

async function fullView(deps: ControlDeps, id: string): Promise<object> {
  const proposal = await existing(deps, id)
  const { route, version, base, bar } = proposal
  const [runs, timeline, candidate, baseline] = await Promise.all([
    evalRunsOf(deps.db, id),
    readTimeline(deps.db, id),
    readVersion(deps.db, route, version),
    readVersion(deps.db, route, base),
  ])
  const specs = [candidate, baseline].flatMap((stored) => (stored === null ? [] : [stored.spec]))
  return {
    ...proposalView(
      proposal,
      timeline,
      runs.map((run) => run.id),
    ),
    warnings: judgeWarnings((bar as Bar).evaluators, specs),
  }
}
