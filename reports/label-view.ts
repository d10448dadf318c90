/** The page on which people say whether a judge is right. */
export interface LabelPageView {
  /** null: there is nothing left to label here. */
  readonly task: LabelTaskView | null
  /** Why this viewer cannot label; null: they can. */
  readonly refusal: string | null
  /** A label was stored a moment ago. */
  readonly isSaved: boolean
  /** The judge's verdict is not shown: one decides without it. */
  readonly isHidden: boolean
  /** Hidden fields and links keep what is looked at. */
  readonly kept: readonly { readonly name: string; readonly value: string }[]
  readonly samples: readonly { readonly label: string; readonly url: string; readonly isCurrent: boolean }[]
  readonly hideUrl: string
  readonly judges: readonly LabelledJudgeRow[]
}

/** One verdict, without a hint whose answer it is about. */
export interface LabelTaskView {
  readonly id: string
  readonly evaluator: string
  readonly version: string
  readonly dataset: string
  readonly kind: 'criterion' | 'claim' | 'pair'
  readonly question: readonly string[]
  readonly request: readonly { readonly role: string; readonly text: string }[]
  readonly context: readonly string[]
  readonly reference: string | null
  readonly responses: readonly string[]
  readonly verdict: string
  readonly others: readonly string[]
  readonly says: readonly {
    readonly reasoning: string
    readonly evidence: readonly { readonly quote: string; readonly source: string }[]
  }[]
  readonly doubt: 'disagreement' | 'uncertainty' | null
}

/** What is known of a judge so far. */
export interface LabelledJudgeRow {
  readonly evaluator: string
  readonly version: string
  readonly labels: number
  readonly own: number
  readonly people: number
  readonly kappa: number | null
  readonly kappaInterval: readonly [number, number] | null
  readonly sensitivity: number | null
  readonly specificity: number | null
  readonly fitness: 'good' | 'thin' | 'none'
}

const words: Readonly<Record<string, string>> = {
  met: 'met',
  not_met: 'not met',
  supported: 'supported by the context',
  unsupported: 'not supported by the context',
  response_1: 'response 1 is better',
  response_2: 'response 2 is better',
  tie: 'neither is better',
}

/** @throws for a word the page does not know */
export function verdictWord(word: string): string {
  const known = words[word]
  if (known === undefined) throw new Error(`no verdict "${word}"; known: ${Object.keys(words).join(', ')}`)
  return known
}

const fitness = {
  good: 'enough labels: 50 or more of either kind',
  thin: 'few labels: intervals are wide',
  none: 'too few labels to correct a rate (10 of either kind)',
} as const

export function fitnessWords(of: keyof typeof fitness): string {
  return fitness[of]
}
