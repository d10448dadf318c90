import type { Request } from 'express'
import type { Caller } from '#domain/snapshot.ts'
import { requireSession } from '#http/auth.ts'
import { requireFormToken, requireSameOrigin } from '#http/csrf.ts'
import { readForm } from '#http/form.ts'
import { type Action, requireRole } from '#http/permissions.ts'

/**
 * A form that a person sent from a page: same origin, session, the session's token, role, in this order.
 *
 * @throws InterlockError FORBIDDEN, UNAUTHENTICATED, or what reading a form throws
 */
export async function readSentForm(
  req: Request,
  action: Action,
): Promise<{ readonly caller: Caller; readonly csrf: string; readonly fields: Awaited<ReturnType<typeof readForm>> }> {
  requireSameOrigin(req)
  const { caller, csrf } = requireSession(req)
  const fields = await readForm(req)
  requireFormToken(csrf, fields.get('csrf'))
  requireRole(caller, action)
  return { caller, csrf, fields }
}
