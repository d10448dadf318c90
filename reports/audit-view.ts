import type { FilterField } from './decision-view.ts'

/** Who did what, newest first, with what is known of the chain. */
export interface AuditView {
  readonly fields: readonly FilterField[]
  /** The list is narrowed. */
  readonly isFiltered: boolean
  /** null: not verified for this page. */
  readonly chain: ChainView | null
  /** A hash noted earlier that the chain was asked for; '' when none was. */
  readonly askedHead: string
  readonly items: readonly AuditRow[]
  readonly nextUrl: string | null
  readonly jsonUrl: string
}

/** What verifying the whole chain found. */
export interface ChainView {
  readonly state: 'intact' | 'broken' | 'cut'
  readonly entries: number
  /** Hash of the last good entry: noted elsewhere, it proves later that nothing was cut off. */
  readonly head: string
  readonly broken: { readonly seq: number; readonly reason: string } | null
}

export interface AuditRow {
  readonly seq: number
  readonly at: number
  readonly actor: string
  readonly action: string
  readonly subject: string
  /** Page of the subject; null: it has none. */
  readonly subjectUrl: string | null
  /** Plain JSON, indented; '' when there is nothing more to say. */
  readonly details: string
  readonly hash: string
}
