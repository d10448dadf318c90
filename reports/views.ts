import type {
  ActionView,
  CaseView,
  DiffView,
  Fact,
  GateRow,
  ProposalStatusName,
  ProposalSummary,
  ReasonLine,
  StageName,
  TrafficView,
  VerdictName,
} from './view-parts.ts'

/** What surrounds every page. Times are milliseconds since the epoch. */
export interface Shell {
  readonly title: string
  /** null: nobody is logged in. */
  readonly viewer: { readonly name: string; readonly role: string } | null
  /** Token of the session, a hidden field of every form; '' when nobody is logged in. */
  readonly csrf: string
  readonly generatedAt: number
  /** Set when the numbers are older than they should be: shows a banner. */
  readonly staleSeconds?: number
  /** Server-sent events that announce a newer page; absent: the page is not live. */
  readonly liveUrl?: string
}

/** Every page by name with its view. */
export interface PageViews {
  readonly overview: OverviewView
  readonly route: RouteView
  readonly proposal: ProposalView
  readonly 'eval-run': EvalRunView
  readonly decisions: DecisionsView
  readonly decision: DecisionView
  readonly login: LoginView
  readonly error: ErrorView
}
export type PageName = keyof PageViews

export interface OverviewView {
  readonly routes: readonly RouteSummary[]
  readonly proposals: readonly ProposalSummary[]
  readonly gateways: GatewaysView
  /** Shown while there is no route. */
  readonly firstCommand: string
}

export interface RouteSummary {
  readonly name: string
  readonly owner: string
  readonly purpose: string
  readonly risk: string
  readonly stableVersion: number
  /** Models of the stable version, first choice first. */
  readonly models: readonly string[]
  readonly rollout: ProposalSummary | null
  readonly traffic: TrafficView
  readonly lastVerdict: {
    readonly action: string
    readonly sentence: string
    readonly at: number
    readonly proposalId: string
  } | null
}

export interface GatewaysView {
  readonly currentEpoch: number
  /** When the engine last ran; null: never. */
  readonly engineSeenAt: number | null
  readonly gateways: readonly GatewayView[]
}

export interface GatewayView {
  readonly id: string
  readonly epoch: number
  readonly seenAt: number
  readonly startedAt: number
  /** Heard from within its lease. */
  readonly isFresh: boolean
}

export interface RouteView {
  readonly name: string
  readonly owner: string
  readonly purpose: string
  readonly risk: string
  readonly createdAt: number
  readonly createdBy: string
  readonly stableVersion: number
  readonly previousVersion: number | null
  /** The stable version in sentences, and as JSON. */
  readonly specWords: readonly string[]
  readonly specJson: string
  readonly bar: BarView
  readonly versions: readonly RouteVersionRow[]
  readonly rollout: ProposalSummary | null
  readonly diff: DiffView | null
  readonly traffic: TrafficView
  readonly proposals: readonly ProposalSummary[]
  readonly rollback: ActionView
}

export interface BarView {
  readonly version: number
  /** One sentence per gate and per evaluator. */
  readonly gates: readonly { readonly metric: string; readonly sentence: string; readonly stages: string }[]
  readonly evaluators: readonly { readonly name: string; readonly sentence: string }[]
  readonly alpha: number
  /** Share of scores that may be missing, 0..1. */
  readonly maxMissing: number
  readonly requiredStages: readonly StageName[]
}

export interface RouteVersionRow {
  readonly version: number
  readonly state: 'stable' | 'previous' | 'candidate' | 'past' | 'never_live'
  readonly createdAt: number
  readonly createdBy: string
  readonly digest: string
  readonly models: readonly string[]
  readonly proposalId: string | null
  readonly proposalStatus: ProposalStatusName | null
}

export interface ProposalView {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly route: string
  readonly version: number
  readonly baseVersion: number
  readonly digest: string
  readonly author: string
  readonly createdAt: number
  readonly endedAt: number | null
  readonly status: ProposalStatusName
  readonly isPaused: boolean
  readonly headline: Headline
  readonly diff: DiffView
  readonly stages: readonly StageView[]
  readonly gates: readonly GateGroup[]
  readonly live: LiveView | null
  readonly evalRuns: readonly EvalRunSummary[]
  readonly approvals: readonly ApprovalView[]
  readonly actions: readonly ActionView[]
  readonly timeline: readonly TimelineRow[]
  /** The engine's stored verdicts, newest first, at most 20. */
  readonly verdicts: readonly StoredVerdict[]
  readonly verdictCount: number
  /** Who has followed the last change of share; null while nothing ever went live. */
  readonly convergence: ConvergenceView | null
}

/** The page's one sentence, with the single reason that drives it. */
export interface Headline {
  readonly verdict: VerdictName | 'waiting'
  readonly sentence: string
  readonly reason: string
  /** Age of the evidence behind it; null: none. */
  readonly evidenceAt: number | null
}

/** One stop of the stage rail. `stepPercent` is set for canary steps. */
export interface StageView {
  readonly stage: StageName | 'promoted'
  readonly stepPercent: number | null
  readonly state: 'done' | 'current' | 'paused' | 'waiting' | 'todo' | 'failed' | 'skipped'
  readonly detail: string
}

export interface GateGroup {
  readonly stage: StageName
  readonly stepPercent: number | null
  readonly isCurrent: boolean
  readonly rows: readonly GateRow[]
}

/** What the candidate is exposed to now, and what is missing for the next step. */
export interface LiveView {
  readonly traffic: TrafficView
  readonly unit: string
  /** All requests and split units the candidate has served since the proposal began. */
  readonly candidateRequests: number
  readonly candidateUnits: number | null
  readonly stageStartedAt: number
  /** The step that comes next, in words; null: none. */
  readonly next: string | null
  /** What must happen before it does. */
  readonly needs: readonly { readonly sentence: string; readonly isMet: boolean }[]
  /** Observations of this proposal: planned (sampled for scoring), answered, scored. */
  readonly funnel: readonly FunnelRow[]
}

export interface FunnelRow {
  readonly arm: string
  readonly planned: number
  readonly answered: number
  readonly scored: number
  readonly errored: number
}

export interface EvalRunSummary {
  readonly id: string
  readonly dataset: string
  readonly datasetVersion: number
  readonly status: 'running' | 'completed' | 'failed' | 'cancelled'
  readonly planned: number
  readonly answered: number
}

export interface ApprovalView {
  readonly before: string
  /** null: still open. */
  readonly by: string | null
  readonly at: number | null
  readonly reason: string | null
}

export interface TimelineRow {
  readonly at: number
  readonly from: ProposalStatusName | null
  readonly to: ProposalStatusName
  /** `engine` or the key's name. */
  readonly by: string
  readonly reason: string
  readonly shareBp: number
}

export interface StoredVerdict {
  readonly at: number
  readonly stage: string
  readonly stepPercent: number | null
  readonly action: string
  readonly engine: string
  readonly reasons: readonly ReasonLine[]
}

export interface ConvergenceView {
  readonly currentEpoch: number
  readonly gateways: readonly GatewayView[]
  /** When the candidate was last asked; null: never. */
  readonly lastCandidateRequestAt: number | null
}

export interface EvalRunView {
  readonly id: string
  readonly status: EvalRunSummary['status']
  readonly error: string | null
  readonly proposal: ProposalSummary | null
  readonly dataset: string
  readonly datasetVersion: number
  readonly createdAt: number
  readonly createdBy: string
  readonly finishedAt: number | null
  readonly headline: Headline
  readonly targets: readonly EvalTargetView[]
  readonly gates: readonly GateRow[]
  readonly comparisons: readonly ComparisonRow[]
  readonly slices: readonly SliceTable[]
  readonly regressions: readonly CaseView[]
  readonly regressionCount: number
  readonly improvements: readonly CaseView[]
  readonly improvementCount: number
  readonly health: readonly EvaluatorHealthRow[]
  readonly provenance: readonly Fact[]
}

/** One side of a run with its cost and speed. */
export interface EvalTargetView {
  readonly label: string
  readonly kind: 'baseline' | 'candidate' | 'model'
  readonly planned: number
  readonly answered: number
  readonly errored: number
  readonly costMicroUsd: number | null
  readonly inputTokens: number
  readonly outputTokens: number
  readonly latencyP50Ms: number | null
  readonly latencyP95Ms: number | null
}

/** Baseline against candidate under one evaluator, on the items that both have scored. */
export interface ComparisonRow {
  readonly evaluator: string
  readonly baseline: number | null
  readonly candidate: number | null
  readonly difference: number | null
  /** 95 % interval of the paired difference. */
  readonly interval: readonly [number, number] | null
  readonly pairs: number
  readonly wins: number
  readonly ties: number
  readonly losses: number
}

export interface SliceTable {
  readonly dimension: string
  readonly rows: readonly SliceRow[]
  /** Slices left out because the table is bounded. */
  readonly hiddenCount: number
}

export interface SliceRow {
  readonly slice: string
  readonly evaluator: string
  readonly pairs: number
  readonly baseline: number | null
  readonly candidate: number | null
  readonly difference: number | null
  readonly interval: readonly [number, number] | null
}

export interface EvaluatorHealthRow {
  readonly evaluator: string
  readonly version: string
  readonly target: string
  readonly scored: number
  readonly notApplicable: number
  readonly unscored: number
  readonly errored: number
  readonly mean: number | null
}

export interface DecisionsView {
  readonly filters: readonly Fact[]
  readonly items: readonly DecisionRow[]
  /** Address of the next page; null: this was the last. */
  readonly nextUrl: string | null
  readonly routes: readonly string[]
}

export interface DecisionRow {
  readonly requestId: string
  readonly at: number
  readonly route: string
  readonly version: number | null
  readonly arm: string
  readonly model: string | null
  readonly rule: string | null
  readonly status: number
  readonly attempts: number
  readonly isFallback: boolean
  readonly costMicroUsd: number | null
  readonly totalMs: number
}

export interface DecisionView {
  readonly requestId: string
  readonly at: number
  /** Why this model, one sentence. */
  readonly sentence: string
  readonly status: number
  readonly errorCode: string | null
  readonly facts: readonly Fact[]
  readonly usage: readonly Fact[]
  readonly eligible: readonly string[]
  readonly chosen: string | null
  readonly excluded: readonly { readonly model: string; readonly by: string; readonly detail: string }[]
  readonly attempts: readonly AttemptRow[]
  readonly totalMs: number
  readonly metadata: readonly Fact[]
  readonly feedback: readonly {
    readonly at: number
    readonly signal: string
    readonly value: number | null
    readonly by: string
    readonly comment: string | null
  }[]
  readonly route: string
  readonly proposalId: string | null
}

export interface AttemptRow {
  readonly model: string
  readonly provider: string
  readonly startMs: number
  readonly endMs: number
  readonly firstTokenMs: number | null
  readonly status: number | null
  readonly errorClass: string | null
  readonly isFallback: boolean
}

export interface LoginView {
  /** Where to go after logging in: a path of this site. */
  readonly next: string
  readonly error: string | null
}

export interface ErrorView {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly requestId: string
  /** A path of this site to try again; null: trying again will not help. */
  readonly retryUrl: string | null
}
