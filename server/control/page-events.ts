import type { Response } from 'express'
import type { Database } from '#store/database.ts'
import { type PageScope, readPageFingerprint } from '#store/page-fingerprint.ts'

const pollEveryMs = 1_000
const pingEveryMs = 15_000
/** Streams beyond this are refused: a page without one is complete, only not live. */
const maxStreams = 400

interface Watch {
  readonly scope: PageScope
  readonly streams: Set<Response>
  /** What the page looked like at the last look; null before the first. */
  fingerprint: string | null
}

/** Tells open pages that there is a newer state to fetch. One look per second and page, however many people watch it. */
export interface PageEvents {
  /** Turns the response into an event stream of the page. @returns false when too many streams are open */
  readonly open: (scope: PageScope, res: Response) => boolean
}

export function createPageEvents(db: Database): PageEvents {
  const watches = new Map<string, Watch>()
  let timer: NodeJS.Timeout | null = null
  let sincePingMs = 0

  function look(): void {
    timer = null
    sincePingMs += pollEveryMs
    const isPing = sincePingMs >= pingEveryMs
    if (isPing) sincePingMs = 0
    void Promise.all([...watches.values()].map((watch) => check(db, watch, isPing))).finally(schedule)
  }

  function schedule(): void {
    if (timer !== null || watches.size === 0) return
    timer = setTimeout(look, pollEveryMs)
    timer.unref()
  }

  return {
    open(scope, res) {
      const open = [...watches.values()].reduce((sum, watch) => sum + watch.streams.size, 0)
      if (open >= maxStreams) return false
      const key = JSON.stringify(scope)
      const watch = watches.get(key) ?? { scope, streams: new Set(), fingerprint: null }
      watches.set(key, watch)
      watch.streams.add(res)
      res.on('close', () => {
        watch.streams.delete(res)
        if (watch.streams.size === 0) watches.delete(key)
      })
      res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
      res.write('retry: 3000\n\n')
      schedule()
      return true
    },
  }
}

/** A look that fails says nothing: the next one will, and the page shows how old it is. */
async function check(db: Database, watch: Watch, isPing: boolean): Promise<void> {
  const fingerprint = await readPageFingerprint(db, watch.scope).catch(() => watch.fingerprint)
  const isNews = watch.fingerprint !== null && fingerprint !== watch.fingerprint
  watch.fingerprint = fingerprint
  const text = isNews ? 'data: changed\n\n' : isPing ? ': still here\n\n' : ''
  if (text !== '') for (const stream of watch.streams) stream.write(text)
}
