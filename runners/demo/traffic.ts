import { Agent, request } from 'undici'
import type { DatasetItem } from '#datasets/item.ts'

export interface Traffic {
  readonly sent: () => number
  readonly failed: () => number
  stop(): Promise<void>
}

/**
 * Sends live requests to a route at an even rate, open loop: a slow answer does not slow the next request down.
 *
 * Each is one maths problem asking for JSON, in sessions of four requests, as an application would send it.
 */
export function startTraffic(options: {
  readonly baseUrl: string
  readonly key: string
  readonly route: string
  readonly items: readonly DatasetItem[]
  readonly perSecond: number
  /** Sent with every request, beside its session. */
  readonly metadata?: Readonly<Record<string, string>>
}): Traffic {
  const { baseUrl, key, route, items, perSecond, metadata = {} } = options
  const agent = new Agent({ connections: 64, pipelining: 1 })
  const underWay = new Set<Promise<void>>()
  let sent = 0
  let failed = 0
  const send = async (index: number) => {
    const item = items[index % items.length]
    const body = JSON.stringify({
      model: route,
      messages: item?.messages,
      metadata: { session: `demo-${route}-${Math.floor(index / 4)}`, project: 'demo', ...metadata },
      interlock: { schema: item?.schema },
    })
    const response = await request(`${baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body,
      dispatcher: agent,
    })
    await response.body.dump()
    if (response.statusCode >= 400) failed += 1
  }
  const timer = setInterval(() => {
    const running: Promise<void> = send(sent)
      .catch(() => {
        failed += 1
      })
      .finally(() => underWay.delete(running))
    underWay.add(running)
    sent += 1
  }, 1000 / perSecond)
  const stop = async () => {
    clearInterval(timer)
    await Promise.allSettled(underWay)
    await agent.close()
  }
  return { sent: () => sent, failed: () => failed, stop }
}
