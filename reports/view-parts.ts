/** Parts that several pages show. Plain data: times are milliseconds since the epoch, money integer micro-dollars, shares basis points. */

export type StageName = 'offline' | 'shadow' | 'canary' | 'bake'

export type ProposalStatusName =
  | 'queued'
  | 'offline'
  | 'shadow'
  | 'awaiting_approval'
  | 'canary'
  | 'bake'
  | 'promoted'
  | 'rejected'
  | 'failed'
  | 'rolled_back'
  | 'aborted'

/**
 * `blocked`: no evidence was possible (evaluator down, no data). `no_harm`: in the bake, where a gate asks for harm and none is
 * shown. Only `pass` is ever shown as good.
 */
export type VerdictName = 'pass' | 'fail' | 'inconclusive' | 'blocked' | 'no_harm'

/** What a metric's numbers are: a score or rate in 0..1, milliseconds, US dollars. */
export type MetricUnit = 'score' | 'rate' | 'ms' | 'usd'

/** One requirement of the bar with what was seen. Differences are candidate - baseline, in the metric's own unit. */
export interface GateRow {
  readonly stage: StageName
  /** Candidate share of the canary step, percent; null outside the canary. */
  readonly stepPercent: number | null
  readonly metric: string
  readonly unit: MetricUnit
  readonly isLowerBetter: boolean
  readonly baseline: number | null
  readonly candidate: number | null
  readonly difference: number | null
  readonly interval: readonly [number, number] | null
  /** Observations behind the numbers. */
  readonly samples: number
  /** Observations that should be there and are not. */
  readonly missing: number
  readonly threshold: Threshold
  /** What `maxDrop` is at this stage or step, score points; null: the threshold as it stands. */
  readonly margin: number | null
  /** Smallest true difference this many samples would have shown; null: not known. */
  readonly detectable: number | null
  /** What the e-value speaks for: that the candidate is good enough, or (bake) that it does harm. */
  readonly evidenceFor: 'passing' | 'harm'
  /** Evidence as a betting e-value, decided at `eValueNeeded`; null: not measured that way. */
  readonly eValue: number | null
  readonly eValueNeeded: number | null
  readonly verdict: VerdictName
  /** The interval as it narrowed, oldest first; at most 60 points. Empty: no history. */
  readonly history: readonly GatePoint[]
}

/** What a gate asks for; null: not asked. `maxDrop` in score points (0.03 = 3), `maxIncrease` relative (0.25 = a quarter more). */
export interface Threshold {
  readonly min: number | null
  readonly max: number | null
  readonly maxDrop: number | null
  readonly maxIncrease: number | null
}

/** The interval of a difference when `samples` observations had been seen. */
export interface GatePoint {
  readonly at: number
  readonly samples: number
  readonly difference: number
  readonly low: number
  readonly high: number
}

/** One reason of a stored verdict, as it was recorded. */
export interface ReasonLine {
  readonly rule: string
  readonly metric: string | null
  readonly message: string
  readonly observed: number | null
  readonly threshold: number | null
  readonly samples: number | null
}

export type DiffKind = 'added' | 'removed' | 'changed'

/** One change between two route versions in words; `path` is its JSON pointer. */
export interface DiffLine {
  readonly kind: DiffKind
  readonly path: string
  readonly sentence: string
  readonly before: string | null
  readonly after: string | null
}

export interface JsonDiffLine {
  readonly kind: 'same' | 'added' | 'removed'
  readonly text: string
}

export interface DiffView {
  readonly route: string
  readonly fromVersion: number
  readonly toVersion: number
  readonly lines: readonly DiffLine[]
  /** The same change as a line diff of the two documents, at most 400 lines. */
  readonly json: readonly JsonDiffLine[]
}

export type ActionName = 'approve' | 'reject' | 'pause' | 'resume' | 'abort' | 'rollback'

/** A form a person may submit. A button one may not use stays visible, disabled, with the reason. */
export interface ActionView {
  readonly name: ActionName
  readonly label: string
  /** Where the form posts to: fields `csrf`, `reason` and those of `fields`. */
  readonly url: string
  /** What will happen, one sentence. */
  readonly effect: string
  readonly isAllowed: boolean
  /** Why it is not allowed; null when it is. */
  readonly refusal: string | null
  readonly needsReason: boolean
  readonly fields: readonly { readonly name: string; readonly value: string }[]
}

/** Requests of one arm in a time window. Null: nothing to measure. */
export interface ArmTraffic {
  readonly arm: 'baseline' | 'candidate'
  readonly version: number | null
  readonly requests: number
  readonly errors: number
  readonly latencyP50Ms: number | null
  readonly latencyP95Ms: number | null
  readonly costMicroUsd: number | null
}

export interface TrafficView {
  /** How far back the counts reach: to the start of the present stage or step, at most an hour. */
  readonly windowMs: number
  /** False: no rollout splits the traffic, the baseline is the stable version and gets it all. */
  readonly isSplit: boolean
  /** Share the plan gives the candidate now, basis points. */
  readonly shareBp: number
  readonly arms: readonly ArmTraffic[]
}

/** A proposal in a list. */
export interface ProposalSummary {
  readonly id: string
  readonly title: string
  readonly route: string
  readonly version: number
  readonly author: string
  readonly status: ProposalStatusName
  readonly isPaused: boolean
  readonly isInconclusive: boolean
  readonly shareBp: number
  readonly createdAt: number
  /** When the present stage or step began. */
  readonly stageStartedAt: number
  readonly endedAt: number | null
  /** Last recorded verdict or end, one sentence; null: none yet. */
  readonly lastWord: string | null
}

/** A name and a value of a definition list. */
export interface Fact {
  readonly name: string
  readonly value: string
}

export type ScoreStatus = 'scored' | 'not_applicable' | 'unscored' | 'errored'

/** One line of what an evaluator recorded: an error path, a claim with its span, a judge's quote. */
export interface ScoreDetail {
  readonly isGood: boolean | null
  readonly label: string
  readonly text: string
}

/** What one evaluator said about one answer. */
export interface ScoreCell {
  readonly status: ScoreStatus
  /** 0..1; null unless scored. */
  readonly value: number | null
  readonly reason: string | null
  readonly details: readonly ScoreDetail[]
}

/** A text, cut where it is long. */
export interface Excerpt {
  readonly text: string
  readonly isCut: boolean
  readonly totalChars: number
}

export interface AnswerView {
  /** null: nothing was answered. */
  readonly output: Excerpt | null
  readonly errorClass: string | null
  readonly error: string | null
  readonly model: string | null
  readonly finishReason: string | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly costMicroUsd: number | null
  readonly latencyMs: number | null
}

/** One item of a dataset answered by both arms, with what each evaluator said. */
export interface CaseView {
  readonly itemId: string
  readonly position: number
  readonly tags: readonly string[]
  readonly slice: readonly Fact[]
  readonly input: readonly { readonly role: string; readonly content: Excerpt }[]
  readonly context: readonly Excerpt[]
  readonly reference: Excerpt | null
  readonly baseline: AnswerView
  readonly candidate: AnswerView
  readonly scores: readonly {
    readonly evaluator: string
    readonly baseline: ScoreCell | null
    readonly candidate: ScoreCell | null
    /** candidate - baseline, score points; null unless both are scored. */
    readonly difference: number | null
  }[]
}

/** The page's one sentence, with the single reason that drives it. */
export interface Headline {
  readonly verdict: VerdictName | 'waiting'
  readonly sentence: string
  readonly reason: string
  /** Age of the evidence behind it; null: none. */
  readonly evidenceAt: number | null
}

export interface EvalRunSummary {
  readonly id: string
  readonly dataset: string
  readonly datasetVersion: number
  readonly status: 'running' | 'completed' | 'failed' | 'cancelled' | 'capped'
  readonly planned: number
  readonly answered: number
}
