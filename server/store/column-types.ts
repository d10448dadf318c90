import type { ColumnType } from 'kysely'

/** jsonb: read parsed, written as text by `json()` so that both database engines agree. */
export type Json<T> = ColumnType<T, string, string>
export type JsonOrNull<T> = ColumnType<T | null, string | null, string | null>
/** timestamptz: read and written as Date. */
export type Time = ColumnType<Date, Date, Date>
export type TimeOrNull = ColumnType<Date | null, Date | null | undefined, Date | null>
/** bigint: read as text by both drivers. */
export type Big = ColumnType<string, string | number | bigint, string | number | bigint>
export type BigOrNull = ColumnType<string | null, string | number | null | undefined, string | number | null>
