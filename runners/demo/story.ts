import { setTimeout as wait } from 'node:timers/promises'
import { type ControlClient, ControlRequestError } from './control-client.ts'

/** The part of a proposal that the story follows. */
export interface ProposalView {
  readonly id: string
  readonly route: string
  readonly version: number
  readonly status: string
  readonly share: number
  readonly gates: readonly { readonly stage: string; readonly metric: string; readonly verdict: string }[]
  readonly timeline: readonly { readonly to: string; readonly by: string; readonly reason: string }[]
}

export interface Chapter {
  readonly title: string
  readonly route: string
  /** What the author writes. */
  readonly description: string
  readonly model: string
  readonly bakeSeconds: number
  /** The status the story must end in. */
  readonly expected: 'promoted' | 'failed' | 'rolled_back'
  /** Called once, when the canary has begun. */
  readonly onCanary?: () => Promise<void>
}

export interface Teller {
  say(line: string): void
}

const openStatuses = ['queued', 'offline', 'shadow', 'awaiting_approval', 'canary', 'bake']
const pollMs = 250

/**
 * Proposes a change as its author and follows it to its end, telling every move.
 *
 * @returns whether it ended as told
 */
export async function tell(
  chapter: Chapter,
  author: ControlClient,
  options: {
    readonly baseUrl: string
    readonly teller: Teller
    readonly limitMs: number
    readonly signal: AbortSignal
  },
): Promise<boolean> {
  const { teller, baseUrl } = options
  const { id } = await submit(chapter, author)
  teller.say(`${chapter.route}: ${chapter.title} (to ${chapter.model})`)
  teller.say(`${chapter.route}: watch it at ${baseUrl}/proposals/${id}`)
  const deadline = AbortSignal.any([options.signal, AbortSignal.timeout(options.limitMs)])
  let told = 0
  let hasCanary = false
  for (;;) {
    const view = await read(author, id)
    for (const entry of view.timeline.slice(told)) {
      const share = entry.to === view.status && view.share > 0 ? `, ${view.share} % of traffic` : ''
      teller.say(`${chapter.route}: ${entry.to.replace('_', ' ')}${share} - ${entry.reason}`)
    }
    told = view.timeline.length
    if (view.status === 'canary' && !hasCanary) {
      hasCanary = true
      await chapter.onCanary?.()
    }
    if (!openStatuses.includes(view.status)) return conclude(chapter, view, teller)
    if (deadline.aborted) {
      teller.say(`${chapter.route}: still ${view.status} when its time was over`)
      return false
    }
    await wait(pollMs)
  }
}

async function submit(chapter: Chapter, author: ControlClient): Promise<{ id: string }> {
  const route = await author.get<{ stable: { version: number } }>(`/api/routes/${chapter.route}`)
  return author.send('POST', '/api/proposals', {
    route: chapter.route,
    title: chapter.title,
    description: chapter.description,
    base: route.stable.version,
    spec: { models: [`replay/${chapter.model}`] },
    plan: {
      offline: { datasets: ['maths@1'] },
      shadow: { sampleRate: 1, minSamples: 100, maxDuration: '2m' },
      canary: { steps: [20, 50], unit: 'request', minSamples: 100, maxDuration: '3m', scoreRate: 1 },
      bake: { duration: `${chapter.bakeSeconds}s` },
    },
  })
}

/** A control plane that is briefly away costs the story nothing. */
async function read(author: ControlClient, id: string): Promise<ProposalView> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await author.get<ProposalView>(`/api/proposals/${id}`)
    } catch (error) {
      if (attempt >= 20 || (error instanceof ControlRequestError && error.status < 500)) throw error
      await wait(pollMs)
    }
  }
}

function conclude(chapter: Chapter, view: ProposalView, teller: Teller): boolean {
  const isAsTold = view.status === chapter.expected && gatesAgree(chapter, view)
  teller.say(`${chapter.route}: ${isAsTold ? 'as told' : `NOT as told, expected ${chapter.expected}`}: ${view.status}`)
  return isAsTold
}

/** The end alone proves little: it must have come about the way the story says. */
function gatesAgree(chapter: Chapter, view: ProposalView): boolean {
  const offline = (metric: string) =>
    view.gates.find((gate) => gate.stage === 'offline' && gate.metric === metric)?.verdict
  const reached = (status: string) => view.timeline.some((entry) => entry.to === status)
  switch (chapter.expected) {
    case 'promoted':
      return reached('shadow') && reached('canary') && reached('bake')
    case 'failed':
      return offline('numeric') === 'pass' && offline('json_validity') === 'fail' && !reached('canary')
    case 'rolled_back':
      return offline('json_validity') === 'pass' && reached('canary')
  }
}
