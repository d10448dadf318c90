import { InterlockError } from '#domain/errors.ts'
import type { Caller, Role } from '#domain/snapshot.ts'

export const roles: readonly Role[] = ['gateway', 'viewer', 'author', 'approver', 'operator', 'admin']

/** Who may do what; what is not listed is refused. Whether a person may act on this proposal is the rollout room's to say. */
export const permissions = {
  read: { does: 'read', roles: ['viewer', 'author', 'approver', 'operator', 'admin'] },
  propose: { does: 'propose route changes', roles: ['author', 'admin'] },
  'run-evals': { does: 'upload datasets or run evals', roles: ['author', 'admin'] },
  label: { does: 'label verdicts of judges', roles: ['author', 'approver', 'operator', 'admin'] },
  approve: { does: 'approve or reject proposals', roles: ['approver', 'admin'] },
  'set-bar': { does: 'set quality bars', roles: ['approver', 'admin'] },
  'hold-rollout': { does: 'pause, resume or abort proposals', roles: ['operator', 'admin'] },
  'roll-back': { does: 'roll back', roles: ['approver', 'operator', 'admin'] },
  freeze: { does: 'set or end freeze windows', roles: ['approver', 'operator', 'admin'] },
  'send-feedback': { does: 'send feedback', roles: ['gateway', 'operator', 'admin'] },
  'manage-catalogue': { does: 'change providers, models or create routes', roles: ['admin'] },
  'set-guardrails': { does: 'set the guardrails of everyone', roles: ['admin'] },
  'set-payloads': { does: 'set what a route keeps of its texts', roles: ['approver', 'admin'] },
  'read-payloads': { does: 'read stored texts', roles: ['approver', 'operator', 'admin'] },
  'delete-payloads': { does: 'remove stored texts', roles: ['approver', 'operator', 'admin'] },
  'manage-budgets': { does: 'change budgets or limits', roles: ['admin'] },
  'manage-keys': { does: 'see or change keys', roles: ['admin'] },
} as const satisfies Readonly<Record<string, { readonly does: string; readonly roles: readonly Role[] }>>

export type Action = keyof typeof permissions

export function mayDo(role: Role, action: Action): boolean {
  return (permissions[action].roles as readonly Role[]).includes(role)
}

/** @throws InterlockError FORBIDDEN saying which roles may */
export function requireRole(caller: Caller, action: Action): void {
  if (mayDo(caller.role, action)) return
  const { does, roles: allowed } = permissions[action]
  throw new InterlockError(
    'FORBIDDEN',
    `a key of role "${caller.role}" may not ${does}; roles that may: ${allowed.join(', ')}`,
  )
}
