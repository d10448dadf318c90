import { hash } from 'node:crypto'
import { drawOf } from './bucket.ts'

/** What a route keeps of its requests and answers, redacted. A route without one keeps nothing. */
export interface PayloadSetting {
  /** Share of requests, above 0 and at most 1; drawn by hash of the request id. */
  readonly sampleRate: number
  /** How long a payload is kept, milliseconds. */
  readonly retentionMs: number
}

/** Shortest and longest time a payload may be kept. */
export const payloadRetentionMs = { least: 60_000, most: 365 * 86_400_000 } as const

/** Whether a request's payload is kept: the same for a request id, whoever asks. */
export function isPayloadKept(setting: PayloadSetting | undefined, requestId: string): setting is PayloadSetting {
  return setting !== undefined && drawOf('payload', requestId) < setting.sampleRate
}

/** Under what a payload can be found by its user: the name itself is not kept. */
export function userHash(user: string): string {
  return hash('sha256', `payload-user:${user}`, 'hex')
}
