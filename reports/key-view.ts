/** API keys without their secrets, and the forms that make and revoke them. */
export interface KeysView {
  readonly items: readonly KeyRow[]
  readonly nextUrl: string | null
  /** The key made a moment ago: the only page that ever holds its secret. null on every other. */
  readonly made: { readonly name: string; readonly role: string; readonly secret: string } | null
  readonly form: KeyForm
}

/** The form for a new key; after a refusal with what was sent. */
export interface KeyForm {
  readonly name: string
  readonly principal: string
  readonly roles: readonly { readonly value: string; readonly does: string; readonly isChosen: boolean }[]
  /** Why nothing was made; null: nothing was refused. */
  readonly problem: string | null
}

export interface KeyRow {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly principal: string
  readonly state: 'active' | 'expired' | 'revoked'
  /** Routes and models it is held to, in words; empty: everything its role may. */
  readonly limits: readonly string[]
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly rotatedAt: number | null
  /** Until when the secret before the last rotation is taken as well; null: no longer. */
  readonly previousUntil: number | null
  readonly revokedAt: number | null
  /** The key this page was opened with. */
  readonly isOwn: boolean
}
