import type { AuditView } from './audit-view.ts'
import type { DatasetsView, DatasetView } from './dataset-view.ts'
import type { DecisionsView, DecisionView } from './decision-view.ts'
import type { EvalRunView } from './eval-run-view.ts'
import type { GatewayPageView } from './gateway-view.ts'
import type { ImpactView } from './impact-view.ts'
import type { InventoryView } from './inventory-view.ts'
import type { KeysView } from './key-view.ts'
import type { LabelPageView } from './label-view.ts'
import type { SavingsView } from './savings-view.ts'
import type {
  ActionView,
  DiffView,
  EvalRunSummary,
  GateRow,
  Headline,
  MetricUnit,
  ProposalStatusName,
  ProposalSummary,
  ReasonLine,
  StageName,
  Threshold,
  TrafficView,
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
  /** Where this page can be had as one file; absent: nowhere. */
  readonly exportUrl?: string
  /** Set in such a file: the page it is a copy of. Forms and what only a server can do are left out. */
  readonly sourceUrl?: string
}

/** Every page by name with its view. */
export interface PageViews {
  readonly overview: OverviewView
  readonly route: RouteView
  readonly proposal: ProposalView
  readonly 'eval-run': EvalRunView
  readonly datasets: DatasetsView
  readonly dataset: DatasetView
  readonly decisions: DecisionsView
  readonly decision: DecisionView
  readonly inventory: InventoryView
  readonly savings: SavingsView
  readonly labels: LabelPageView
  readonly gateways: GatewayPageView
  readonly audit: AuditView
  readonly keys: KeysView
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
  readonly gates: readonly BarGate[]
  readonly evaluators: readonly { readonly name: string; readonly sentence: string }[]
  readonly alpha: number
  /** Share of scores that may be missing, 0..1. */
  readonly maxMissing: number
  readonly requiredStages: readonly StageName[]
}

export interface BarGate {
  readonly metric: string
  readonly unit: MetricUnit
  readonly threshold: Threshold
  /** Stages that judge it; empty: every stage of the plan. */
  readonly stages: readonly StageName[]
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
  readonly isInconclusive: boolean
  readonly headline: Headline
  /** What to bear in mind when reading the evidence, in sentences. */
  readonly warnings: readonly string[]
  readonly diff: DiffView
  /** null: the proposal is older than previews. */
  readonly impact: ImpactView | null
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

/** One stop of the stage rail. `stepPercent` is set for canary steps. */
export interface StageView {
  readonly stage: StageName | 'promoted'
  readonly stepPercent: number | null
  readonly state: 'done' | 'current' | 'paused' | 'waiting' | 'todo' | 'unreached' | 'failed' | 'skipped'
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
  readonly kind: 'submitted' | 'moved' | 'step' | 'paused' | 'resumed' | 'ended'
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
