import type { Excerpt } from './view-parts.ts'

/** Every dataset with its latest version (C1). Times are milliseconds since the epoch. */
export interface DatasetsView {
  readonly items: readonly DatasetRow[]
  readonly nextUrl: string | null
  /** Shown while there is no dataset. */
  readonly firstCommand: string
}

export interface DatasetRow {
  readonly name: string
  readonly versions: number
  readonly latest: DatasetVersionRow
  /** Eval runs over any version. */
  readonly runs: number
}

export interface DatasetVersionRow {
  readonly version: number
  readonly items: number
  readonly sha256: string
  readonly createdBy: string
  readonly createdAt: number
  /** Where it came from, in words. */
  readonly originWords: string
}

/** One version of a dataset: what it holds, where it came from, where it is used. */
export interface DatasetView {
  readonly name: string
  readonly shown: DatasetVersionRow
  readonly versions: readonly DatasetVersionRow[]
  /** Versions of before that are not listed. */
  readonly hiddenVersions: number
  /** What was not carried over of the file, or left out of the traffic. */
  readonly notes: readonly string[]
  /** Strata of a version made of traffic; [] of another. */
  readonly strata: readonly { readonly name: string; readonly found: number; readonly items: number }[]
  /** How many items have what. */
  readonly fields: readonly { readonly name: string; readonly items: number }[]
  readonly tags: readonly CountRow[]
  readonly slices: readonly { readonly name: string; readonly values: readonly CountRow[] }[]
  readonly runs: readonly DatasetRunRow[]
  readonly proposals: readonly { readonly id: string; readonly title: string; readonly status: string }[]
  readonly items: readonly DatasetItemView[]
  /** Places of the items shown, from 1. */
  readonly from: number
  readonly to: number
  readonly nextUrl: string | null
  readonly firstUrl: string | null
  readonly jsonUrl: string
}

export interface CountRow {
  readonly name: string
  readonly items: number
}

export interface DatasetRunRow {
  readonly id: string
  readonly version: number
  readonly status: string
  readonly createdAt: number
  readonly proposalId: string | null
}

export interface DatasetItemView {
  readonly position: number
  readonly id: string
  readonly messages: readonly { readonly role: string; readonly content: Excerpt }[]
  readonly hiddenMessages: number
  readonly reference: Excerpt | null
  readonly context: readonly Excerpt[]
  readonly hiddenContext: number
  readonly tags: readonly string[]
  readonly slice: readonly { readonly name: string; readonly value: string }[]
  /** Further fields it has, in words. */
  readonly has: readonly string[]
}
