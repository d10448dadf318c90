import { type Request, type Response, Router } from 'express'
import { InterlockError } from '#domain/errors.ts'
import type { Caller } from '#domain/snapshot.ts'
import type { Action } from '#http/permissions.ts'
import {
  abortProposal,
  approveProposal,
  pauseProposal,
  rejectProposal,
  resumeProposal,
  rollbackProposal,
} from '#rollout/act-on-proposal.ts'
import { rollbackRoute } from '#rollout/rollback-route.ts'
import { noReason, reasonSchema } from './common-schemas.ts'
import type { ControlDeps } from './control-deps.ts'
import { revokeKeyById } from './manage-keys.ts'
import { readSentForm } from './sent-form.ts'

interface PageForm {
  readonly path: string
  readonly action: Action
  readonly needsReason?: true
  /** @param subject id or name from the path */
  readonly act: (deps: ControlDeps, caller: Caller, subject: string, reason: string) => Promise<unknown>
  /** Page that shows what came of it. */
  readonly back: (subject: string) => string
}

const proposalPage = (id: string) => `/proposals/${encodeURIComponent(id)}`
const routePage = (name: string) => `/routes/${encodeURIComponent(name)}`

/** What people do on pages; the same use cases as the API's. */
export const pageForms: readonly PageForm[] = [
  { path: '/proposals/:subject/approve', action: 'approve', act: approveProposal, back: proposalPage },
  { path: '/proposals/:subject/reject', action: 'approve', needsReason: true, act: rejectProposal, back: proposalPage },
  { path: '/proposals/:subject/pause', action: 'hold-rollout', act: pauseProposal, back: proposalPage },
  { path: '/proposals/:subject/resume', action: 'hold-rollout', act: resumeProposal, back: proposalPage },
  { path: '/proposals/:subject/abort', action: 'hold-rollout', act: abortProposal, back: proposalPage },
  { path: '/proposals/:subject/rollback', action: 'roll-back', act: rollbackProposal, back: proposalPage },
  {
    path: '/routes/:subject/rollback',
    action: 'roll-back',
    act: (deps, caller, name, reason) => rollbackRoute(deps, caller, name, { reason }),
    back: routePage,
  },
  { path: '/keys/:subject/revoke', action: 'manage-keys', act: revokeKeyById, back: () => '/keys' },
]

/** Forms of pages: same origin, session, token, role, then the use case; then back to the page. */
export function pageFormRouter(deps: ControlDeps): Router {
  const router = Router()
  for (const form of pageForms) router.post(form.path, (req, res) => submit(deps, form, req, res))
  return router
}

async function submit(deps: ControlDeps, form: PageForm, req: Request, res: Response): Promise<void> {
  const { caller, fields } = await readSentForm(req, form.action)
  const subject = String(req.params['subject'])
  if (subject.includes('\u0000')) throw new InterlockError('NOT_FOUND', 'there is nothing at this address')
  await form.act(deps, caller, subject, reasonOf(form, fields.get('reason')))
  res.redirect(303, form.back(subject))
}

function reasonOf(form: PageForm, sent: string | undefined): string {
  const reason = (sent ?? '').trim()
  if (reason.length > reasonSchema.maxLength) throw invalidReason(`may have ${reasonSchema.maxLength} characters`)
  if (reason === '' && form.needsReason) throw invalidReason('is missing: say why, for the author and the record')
  return reason === '' ? noReason : reason
}

function invalidReason(message: string): InterlockError {
  return new InterlockError('VALIDATION_FAILED', `the reason ${message}`, [{ path: '/reason', message }])
}
