/** What is known of the judges behind an eval run's scores: shown beside them. */
export interface JudgeView {
  readonly evaluator: string
  readonly version: string
  readonly judges: readonly string[]
  /** Asked where the others do not agree; null: nobody. */
  readonly escalate: string | null
  /** Sentences about judges that judge themselves or their own family. */
  readonly conflicts: readonly string[]
  /** Of this very version; null: nobody has labelled its verdicts. */
  readonly calibration: JudgeCalibrationView | null
  /** The last version that had one, when this one has none. */
  readonly expired: { readonly version: string; readonly labels: number; readonly at: number } | null
  readonly orders: readonly JudgeOrdersView[]
  readonly drift: JudgeDriftView | null
  readonly rates: readonly JudgeRateView[]
  readonly difference: JudgeCorrectedView | null
  readonly length: JudgeLengthView | null
  /** Paid in this run; null: a call had no price. */
  readonly costMicroUsd: number | null
  readonly labelUrl: string
}

/** A share with its 95 % interval and the counts behind it; null where there is nothing to count. */
export interface ShareView {
  readonly count: number
  readonly of: number
  readonly share: number | null
  readonly interval: readonly [number, number] | null
}

export interface JudgeCalibrationView {
  readonly kind: 'criterion' | 'claim' | 'pair'
  /** Where the labels were drawn; '' = all datasets together. */
  readonly dataset: string
  readonly labels: number
  readonly people: number
  readonly contested: number
  readonly kappa: { readonly value: number; readonly interval: readonly [number, number] } | null
  readonly exact: ShareView
  readonly sensitivity: ShareView
  readonly specificity: ShareView
  readonly doubtful: ShareView
  readonly betweenPeople: ShareView
  readonly fitness: 'good' | 'thin' | 'none'
  readonly computedAt: number
}

/** How one judge takes a change of places. */
export interface JudgeOrdersView {
  readonly judge: string
  readonly flips: ShareView
  readonly firstPlace: ShareView
}

export interface JudgeDriftView {
  readonly retests: number
  readonly flips: ShareView
  readonly shift: number | null
  readonly hasDrifted: boolean
}

/** A rate as judged, and what it stands for. */
export interface JudgeRateView {
  readonly target: string
  /** What is counted: criteria met, statements supported, decided pairs won. */
  readonly what: string
  readonly raw: ShareView
  readonly corrected: JudgeCorrectedView
  /** From this run's labels and all its verdicts together; null below 20 labels. */
  readonly powered: {
    readonly mean: number
    readonly interval: readonly [number, number]
    readonly labels: number
  } | null
}

export interface JudgeCorrectedView {
  /** null: cannot be told, `note` says why. */
  readonly rate: number | null
  readonly interval: readonly [number, number] | null
  /** Whose errors it was corrected by, or why it was not. */
  readonly note: string
}

export interface JudgeLengthView {
  readonly pairs: number
  readonly rate: number
  readonly controlled: number
  readonly controlledInterval: readonly [number, number]
  readonly slope: number
  readonly slopeInterval: readonly [number, number]
}
