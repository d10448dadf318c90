import type { ServerResponse } from 'node:http'
import { clearTimeout, setTimeout } from 'node:timers'
import type { Reply } from './replay-reply.ts'

/** How one answer goes out. Delays are real milliseconds; 0: in one piece, at once. */
export interface Delivery {
  readonly id: string
  readonly model: string
  readonly includeUsage: boolean
  readonly ttftMs: number
  /** From the first token to the last. */
  readonly bodyMs: number
  /** End the connection half way through the body. */
  readonly isCut: boolean
}

/** Sends the whole completion as one JSON body after ttft + body time. */
export function sendJson(res: ServerResponse, reply: Reply, delivery: Delivery): void {
  const body = JSON.stringify({
    ...envelope(delivery, 'chat.completion'),
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: reply.text, refusal: null },
        logprobs: null,
        finish_reason: reply.finishReason,
      },
    ],
    usage: usageOf(reply),
  })
  afterDelay(res, delivery.ttftMs + delivery.bodyMs, () => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    res.writeHead(200, headers)
    if (delivery.isCut) res.write(body.slice(0, body.length / 2), () => res.destroy())
    else res.end(body)
  })
}

/** Sends the completion as server-sent events: role, text in pieces, finish, usage when asked for, `[DONE]`. */
export function sendStream(res: ServerResponse, reply: Reply, delivery: Delivery): void {
  const [first, ...rest] = streamEvents(reply, delivery)
  const events = delivery.isCut ? rest.slice(0, Math.ceil(rest.length / 2)) : rest
  afterDelay(res, delivery.ttftMs, () => {
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
    if (delivery.bodyMs > 0) {
      res.write(first)
      writePaced(res, events, delivery)
      return
    }
    const all = `${first}${events.join('')}`
    if (delivery.isCut) res.write(all, () => res.destroy())
    else res.end(all)
  })
}

/** Runs a step after a delay, unless the client has gone by then. */
export function afterDelay(res: ServerResponse, delayMs: number, step: () => void): void {
  if (delayMs <= 0) {
    step()
    return
  }
  const stop = () => clearTimeout(timer)
  const timer = setTimeout(() => {
    res.off('close', stop)
    step()
  }, delayMs)
  res.once('close', stop)
}

/** Event i is due at its even share of the body time; late ones go out together, so a slow timer never slows the answer. */
function writePaced(res: ServerResponse, events: readonly string[], delivery: Delivery): void {
  const startedMs = performance.now()
  const stepMs = delivery.bodyMs / Math.max(events.length, 1)
  let next = 0
  const tick = () => {
    const due = Math.min(events.length, Math.floor((performance.now() - startedMs) / stepMs))
    if (due > next) res.write(events.slice(next, due).join(''))
    next = Math.max(next, due)
    if (next < events.length) afterDelay(res, Math.max(1, startedMs + (next + 1) * stepMs - performance.now()), tick)
    else if (delivery.isCut) res.destroy()
    else res.end()
  }
  afterDelay(res, stepMs, tick)
}

function streamEvents(reply: Reply, delivery: Delivery): string[] {
  const base = envelope(delivery, 'chat.completion.chunk')
  const usage = delivery.includeUsage ? { usage: null } : {}
  const chunk = (delta: object, finishReason: string | null) =>
    frame({ ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }], ...usage })
  const events = [chunk({ role: 'assistant', content: '', refusal: null }, null)]
  for (const content of pieces(reply.text)) events.push(chunk({ content }, null))
  events.push(chunk({}, reply.finishReason))
  if (delivery.includeUsage) events.push(frame({ ...base, choices: [], usage: usageOf(reply) }))
  events.push('data: [DONE]\n\n')
  return events
}

function frame(event: object): string {
  return `data: ${JSON.stringify(event)}\n\n`
}

/** About 24 characters each, at most 40 pieces, never between the halves of one character. */
function pieces(text: string): string[] {
  const count = Math.min(40, Math.ceil(text.length / 24))
  const parts: string[] = []
  let from = 0
  for (let part = 1; part <= count; part += 1) {
    let to = Math.floor((text.length * part) / count)
    const code = text.charCodeAt(to - 1)
    if (to < text.length && code >= 0xd800 && code <= 0xdbff) to += 1
    parts.push(text.slice(from, to))
    from = to
  }
  return parts
}

function envelope(delivery: Delivery, object: string): object {
  const created = Math.floor(Date.now() / 1_000)
  return { id: delivery.id, object, created, model: delivery.model, system_fingerprint: 'replay' }
}

function usageOf(reply: Reply): object {
  const { inputTokens, outputTokens } = reply
  return { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens }
}
