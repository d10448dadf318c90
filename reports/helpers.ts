import type Handlebars from 'handlebars'
import { progressBar, trafficBar, winBar } from './bars.ts'
import { boundPlot, intervalPlot } from './charts.ts'
import type { SliceRow } from './eval-run-view.ts'
import * as format from './format.ts'
import { judgeTests, judgeTexts } from './judge-helpers.ts'
import { iconNames, type Mark, type MarkKind, markOf, proposalMark } from './marks.ts'
import { html, type Markup, textNode } from './markup.ts'
import type { MixPart } from './report-window-view.ts'
import { differenceLimit, requirementWords } from './requirement.ts'
import { savingsChart } from './savings-chart.ts'
import { qualityPlot, savedPlot } from './savings-plots.ts'
import type { PreviousComparison, QualityLine } from './savings-view.ts'
import { sequenceChart } from './sequence-chart.ts'
import type { ActionView, AnswerView, CaseView, GatePoint, GateRow, TrafficView } from './view-parts.ts'
import type { ConvergenceView, TimelineRow } from './views.ts'
import { waterfall } from './waterfall.ts'
import { wordDiff } from './word-diff.ts'

/**
 * An address a link may have: http, https or a path of this site; anything else (javascript:, data:, //host) becomes "#".
 * A path holds neither spaces nor controls: browsers take tabs and line ends out of it, and `/`, tab, `/host` is another host.
 */
export function safeUrl(url: string): string {
  if (/^\/(?![/\\])[^\s\p{Cc}]*$/u.test(url)) return url
  return /^https?:\/\/[^\s]+$/i.test(url) ? url : '#'
}

/** A path of this site from its parts, each encoded: path('routes', 'a/b') -> "/routes/a%2Fb". */
export function path(...parts: readonly (string | number)[]): string {
  return `/${parts.map((part) => encodeURIComponent(String(part))).join('/')}`
}

/** An icon of the sprite; decoration only, a word always stands beside it. */
export function icon(name: string): Markup {
  if (!(iconNames as readonly string[]).includes(name)) {
    throw new Error(`no icon "${name}"; known: ${iconNames.join(', ')}`)
  }
  return html`<svg class="icon" aria-hidden="true"><use href="#i-${name}"/></svg>`
}

/** A state as icon, word and tone. */
export function badge(mark: Mark): Markup {
  return html`<span class="mark tone-${mark.tone}">${icon(mark.icon)}${mark.word}</span>`
}

/** A moment as its age, with the full date for machines and on hover. */
export function timeTag(at: number, now: number): Markup {
  return html`<time datetime="${new Date(at).toISOString()}" title="${format.dateTime(at)}">${format.relativeTime(at, now)}</time>`
}

/** The plot that fits a gate: against the baseline where it has a relative limit, else against its absolute bound. */
export function gatePlot(row: GateRow): Markup {
  const tone = markOf('verdict', row.verdict).tone
  const limit = differenceLimit(row)
  const { min, max } = row.threshold
  if (limit === null && (min !== null || max !== null)) return boundPlot({ ...row, min, max, tone })
  return intervalPlot({ ...row, limit, tone })
}

/** An answer as text; what differs from the other arm's answer is marked as deleted or inserted. */
export function answerText(item: CaseView, arm: 'baseline' | 'candidate'): Markup {
  const own = item[arm].output
  if (own === null)
    return html`<p class="absent">No answer: ${item[arm].error ?? item[arm].errorClass ?? 'unknown'}</p>`
  const diff = wordDiff(item.baseline.output?.text ?? '', item.candidate.output?.text ?? '')
  const parts = diff?.[arm === 'baseline' ? 'before' : 'after'] ?? [{ isChanged: false, text: own.text }]
  const marked = parts.map((part) => markedPart(part, arm))
  const cut = own.isCut
    ? html`<p class="cut">… ${format.count(own.totalChars - own.text.length)} more characters</p>`
    : null
  const body =
    own.text === '' ? html`<p class="absent">Empty answer</p>` : html`<pre dir="auto" tabindex="0">${marked}</pre>`
  return html`${body}${cut}`
}

function markedPart(part: { isChanged: boolean; text: string }, arm: 'baseline' | 'candidate'): Markup {
  const text = textNode(part.text)
  if (!part.isChanged) return text
  return arm === 'baseline' ? html`<del>${text}</del>` : html`<ins>${text}</ins>`
}

/** Cost, speed and length of an answer in one line. */
export function answerFacts(answer: AnswerView): string {
  const facts = [
    answer.model,
    answer.latencyMs === null ? null : format.duration(answer.latencyMs),
    answer.costMicroUsd === null ? null : format.money(answer.costMicroUsd),
    answer.outputTokens === null ? null : `${format.plural(answer.outputTokens, 'token')} out`,
    answer.finishReason === null || answer.finishReason === 'stop'
      ? null
      : `ended by ${format.words(answer.finishReason)}`,
  ]
  return facts.filter((fact) => fact !== null).join(' · ')
}

function liveBar(traffic: TrafficView): Markup {
  const requests = traffic.arms.reduce((sum, arm) => sum + arm.requests, 0)
  const candidateRequests = traffic.arms.find((arm) => arm.arm === 'candidate')?.requests ?? 0
  return trafficBar({ shareBp: traffic.shareBp, candidateRequests, requests })
}

/** Last points of a course for the table under its chart, newest first: at most ten, spread over the whole. */
function lastPoints(history: readonly GatePoint[]): readonly GatePoint[] {
  const stride = Math.max(1, Math.ceil(history.length / 10))
  return [...history].reverse().filter((_, index) => index % stride === 0)
}

/** What the shortcut to the forms says: the way out first, if it is open. */
function jumpWord(actions: readonly ActionView[]): string {
  const open = actions.filter((action) => action.isAllowed)
  return (open.find((action) => action.name === 'rollback') ?? open[0])?.label ?? 'Actions'
}

const endings: Readonly<Record<string, string>> = {
  promoted: 'promoted it',
  rejected: 'rejected it',
  failed: 'stopped it',
  rolled_back: 'rolled it back',
  aborted: 'aborted it',
}

/** What an event of the timeline did, after its author's name. */
export function eventWords(row: Pick<TimelineRow, 'kind' | 'from' | 'to' | 'shareBp'>): string {
  const share = format.share(row.shareBp)
  switch (row.kind) {
    case 'submitted':
      return 'submitted it'
    case 'paused':
      return `paused it in ${format.words(row.to)}`
    case 'resumed':
      return 'resumed it'
    case 'step':
      return `took the candidate to ${share}`
    case 'ended':
      return endings[row.to] ?? `ended it as ${format.words(row.to)}`
    case 'moved':
      return `moved it from ${format.words(row.from ?? 'nowhere')} to ${format.words(row.to)}${row.shareBp > 0 ? ` at ${share}` : ''}`
  }
}

/** A slice is only called worse or better when its interval leaves zero out. */
function sliceTone(row: SliceRow): string {
  if (row.interval === null) return 'quiet'
  if (row.interval[1] < 0) return 'bad'
  return row.interval[0] > 0 ? 'good' : 'quiet'
}

/** Parts of a mix in one line: "p/strong 82.0 %, p/cheap 18.0 %"; a single one needs no share. */
function mixWords(parts: readonly MixPart[]): string {
  if (parts.length === 1 || parts.every((part) => part.requests === 0)) {
    return parts.map((part) => part.name ?? 'none given').join(', ')
  }
  return parts.map((part) => `${part.name ?? 'none given'} ${format.percent(part.ratio)}`).join(', ')
}

/** What a client got: below 400 answered, 499 gone, else an error. */
function httpMark(status: number): Markup {
  if (status < 400) return html`<span class="mark tone-info">${icon('check')}${status} answered</span>`
  if (status === 499) return html`<span class="mark tone-quiet">${icon('stop')}client gone</span>`
  return html`<span class="mark tone-bad">${icon('cross')}${status} error</span>`
}

/** Registers everything templates may call. Unknown names throw in templates (strict). */
export function registerHelpers(engine: typeof Handlebars): void {
  const texts: Readonly<Record<string, (...values: never[]) => unknown>> = {
    ...judgeTexts,
    count: format.count,
    plural: (value: number, one: string) => format.plural(value, one),
    share: format.share,
    percent: format.percent,
    duration: format.duration,
    money: format.money,
    showValue: format.metricValue,
    showDifference: format.metricDifference,
    showInterval: format.metricInterval,
    metricName: format.metricName,
    words: format.words,
    windowWords: format.windowWords,
    dateTime: format.dateTime,
    dayMonth: format.dayMonth,
    moneyGain: (microUsd: number) => `${microUsd < 0 ? '' : '+'}${format.money(microUsd)}`,
    moneyRange: (range: readonly [number, number]) => `${format.money(range[0])} to ${format.money(range[1])}`,
    mixWords,
    showNumber: format.shortNumber,
    changeWords: (forecast: Parameters<typeof format.relativeChange>[0]) => format.relativeChange(forecast),
    short: (text: string) => text.slice(0, 12),
    rate: (part: number, whole: number) => format.percent(whole === 0 ? null : part / whole),
    join: (list: readonly string[]) => list.join(', '),
    or: (value: string | number | null, fallback: string) => value ?? fallback,
    safeUrl,
    answerFacts,
    jumpWord,
    requirementWords: (gate: Parameters<typeof requirementWords>[0]) => requirementWords(gate),
    detectableWords: (row: GateRow) =>
      row.detectable === null || row.detectable <= 0
        ? ''
        : `sees ${format.metricDifference(row.detectable, row.unit).slice(1)} or more`,
    points: (score: number) => format.metricDifference(Math.abs(score), 'score').slice(1),
    isShown: (pAdjusted: number | null) => pAdjusted !== null && pAdjusted <= 0.05,
    stageList: (stages: readonly string[]) => (stages.length === 0 ? 'every stage' : stages.join(', ')),
    eventWords,
    moneyEach: (microUsd: number | null, parts: number) =>
      format.money(microUsd === null || parts === 0 ? null : microUsd / parts),
    milliseconds: (seconds: number) => seconds * 1000,
    stageWord: (state: string) => markOf('stage', state).word,
    detailClass: (isGood: boolean | null) => (isGood === null ? 'plain' : isGood ? 'good' : 'bad'),
    currentCount: (view: ConvergenceView) =>
      view.gateways.filter((g) => g.isFresh && g.epoch === view.currentEpoch).length,
    lastPoints,
    first: (list: readonly unknown[]) => list.slice(0, 1),
    rest: (list: readonly unknown[], from: number) => list.slice(from),
    start: (list: readonly unknown[], to: number) => list.slice(0, to),
    lessOne: (value: number) => value - 1,
    less: (value: number, by: number) => value - by,
  }
  const markup: Readonly<Record<string, (...values: never[]) => Markup | null>> = {
    icon,
    mark: (kind: MarkKind, name: string) => badge(markOf(kind, name)),
    proposalMark: (proposal: Parameters<typeof proposalMark>[0]) => badge(proposalMark(proposal)),
    gatePlot,
    intervalPlot: (row: Parameters<typeof intervalPlot>[0]) => intervalPlot(row),
    sequenceChart: (row: GateRow) =>
      sequenceChart({ ...row, limit: differenceLimit(row), tone: markOf('verdict', row.verdict).tone }),
    liveBar,
    winBar,
    waterfall,
    savingsChart,
    savedPlot: (row: PreviousComparison) => savedPlot(row),
    qualityPlot: (row: QualityLine) => qualityPlot(row),
    progressBar: (part: number, whole: number, label: string) => progressBar({ part, whole, label }),
    answerText,
    bodyText: textNode,
    httpMark,
    stageIcon: (state: string) => icon(markOf('stage', state).icon),
    statusIcon: (status: string) => icon(markOf('proposal', status).icon),
    detailIcon: (isGood: boolean | null) => icon(isGood === null ? 'skip' : isGood ? 'check' : 'cross'),
    slicePlot: (row: SliceRow) =>
      intervalPlot({
        ...row,
        metric: row.evaluator,
        unit: 'score',
        isLowerBetter: false,
        limit: null,
        tone: sliceTone(row),
      }),
  }
  const tests: Readonly<Record<string, (...values: never[]) => boolean>> = {
    ...judgeTests,
    eq: (a: unknown, b: unknown) => a === b,
    not: (a: unknown) => a !== true,
    present: (value: unknown) => value !== null && value !== undefined,
    isNegative: (value: number) => value < 0,
    isPart: (ratio: number) => ratio < 1,
    several: (list: readonly unknown[]) => list.length > 1,
    longer: (list: readonly unknown[], than: number) => list.length > than,
  }
  const all = { ...texts, ...markup, ...tests }
  for (const [name, helper] of Object.entries(all)) {
    // Handlebars passes its options object last; ours take plain values only.
    engine.registerHelper(name, (...values: unknown[]) =>
      (helper as (...v: unknown[]) => unknown)(...values.slice(0, -1)),
    )
  }
  engine.registerHelper('path', (...values: unknown[]) => path(...(values.slice(0, -1) as string[])))
  engine.registerHelper('time', (at: number, options: Handlebars.HelperOptions) =>
    timeTag(at, (options.data as { root: { shell: { generatedAt: number } } }).root.shell.generatedAt),
  )
  engine.registerHelper('toneOf', (kind: MarkKind, name: string) => markOf(kind, name).tone)
}
