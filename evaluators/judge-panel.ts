import type { JudgeSpend } from './evaluator.ts'
import { judgeModelSchema } from './judge-model.ts'
import { addSpend, noSpend } from './judge-spend.ts'
import type { ConfigProblem } from './kind.ts'

/** Who judges: one model, or several of disjoint families; and who is asked when they do not agree. */
export interface Panel {
  readonly judges: readonly string[]
  /** `majority`: more than half of the panel, else no decision. `mean`: the mean of the judges' values. */
  readonly aggregate: 'majority' | 'mean'
  /** Asked once where the panel did not decide; null: then it is undecided. */
  readonly escalate: string | null
}

/** Configuration fields of a panel; `judge` is a panel of one. */
export const panelSchema = {
  judge: judgeModelSchema,
  judges: { type: 'array', minItems: 2, maxItems: 5, items: judgeModelSchema },
  aggregate: { enum: ['majority', 'mean'] },
  escalate: judgeModelSchema,
}

/** @param config  valid against `panelSchema` */
export function readPanel(
  config: Readonly<Record<string, unknown>>,
): { readonly panel: Panel } | { readonly problem: ConfigProblem } {
  const { judge, aggregate } = config
  const several = config['judges'] as readonly string[] | undefined
  const escalate = typeof config['escalate'] === 'string' ? config['escalate'] : null
  if (typeof judge === 'string' && several !== undefined)
    return wrong('/judges', 'is instead of "judge", not beside it')
  const judges = several ?? (typeof judge === 'string' ? [judge] : [])
  if (judges.length === 0) return wrong('/judge', 'is required (or "judges", several of them)')
  const twice = judges.findIndex((model, index) => judges.indexOf(model) < index)
  if (twice >= 0) return wrong(`/judges/${twice}`, `"${judges[twice]}" is on the panel already`)
  if (escalate !== null && judges.includes(escalate)) {
    return wrong('/escalate', 'sits on the panel: its second word would be its first')
  }
  if (aggregate !== undefined && several === undefined) return wrong('/aggregate', 'is for a panel: name "judges"')
  const how = aggregate === 'mean' ? 'mean' : 'majority'
  if (how === 'mean' && escalate !== null) return wrong('/escalate', 'is for a majority: a mean is never undecided')
  return { panel: { judges, aggregate: how, escalate } }
}

function wrong(path: string, message: string): { problem: ConfigProblem } {
  return { problem: { path, message } }
}

/** Every model a panel may ask. */
export function modelsOfPanel({ judges, escalate }: Panel): readonly string[] {
  return escalate === null ? judges : [...judges, escalate]
}

/**
 * The word more than half of the whole panel voted for, null when there is none. Judges that abstain (null: no verdict, or
 * another one in the other order) count as members: two of three must agree, whatever the third did.
 */
export function majorityOf<Word extends string>(votes: readonly (Word | null)[]): Word | null {
  const words = new Set(votes.filter((vote) => vote !== null))
  return [...words].find((word) => votes.filter((vote) => vote === word).length * 2 > votes.length) ?? null
}

/** Mean of what the judges gave; null unless more than half of the panel gave anything. */
export function meanOf(values: readonly (number | null)[]): number | null {
  const given = values.filter((value) => value !== null)
  if (given.length * 2 <= values.length) return null
  return given.reduce((sum, value) => sum + value, 0) / given.length
}

/** A judge that gave no verdict. */
export interface Silent {
  readonly judge: string
  readonly kind: 'unscored' | 'errored'
  readonly reason: string
  readonly spend: JudgeSpend
}

/** Why a panel has no verdict at all: an upstream that failed outweighs a judge that said nothing usable. */
export function silenceOf(opinions: readonly ({ readonly kind: 'verdict' } | Silent)[]): Silent | null {
  const silent = opinions.filter((opinion) => opinion.kind !== 'verdict')
  if (silent.length * 2 < opinions.length) return null
  return silent.find(({ kind }) => kind === 'errored') ?? silent[0] ?? null
}

export function spendOf(opinions: readonly ({ readonly spend: JudgeSpend } | null)[]): JudgeSpend {
  return opinions.reduce((sum, opinion) => (opinion === null ? sum : addSpend(sum, opinion.spend)), noSpend)
}
