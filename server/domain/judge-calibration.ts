import { type Agreement, agreementOf, type Share, shareOf } from './judge-statistics.ts'
import { fewestLabels, goodLabels } from './judge-statistics-corrected.ts'
import { type UnitKind, verdictWords } from './judge-units.ts'

/** One person's label on one verdict. */
export interface Label {
  /** Names the verdict: labels of several people on it share it. */
  readonly verdictId: string
  readonly kind: UnitKind
  readonly arm: string
  readonly judge: string
  /** A word of the kind, or `cannot_tell`. */
  readonly human: string
  readonly person: string
  readonly isDoubtful: boolean
  /** Below the first verdict without a label in drawing order: part of the random sample. */
  readonly isDrawn: boolean
}

/** What labels say about a judge on one kind of verdict. Figures are of drawn verdicts unless they say otherwise. */
export interface Measured extends Agreement {
  readonly kind: UnitKind
  readonly people: number
  /** Labelled verdicts on which people were divided, or could not tell: left out. */
  readonly contested: number
  /** The judge's errors on each arm's answers: a judge may be kinder to one. */
  readonly byArm: readonly (Pick<Agreement, 'sensitivity' | 'specificity'> & { readonly arm: string })[]
  /** Right among labelled verdicts in doubt, drawn or not. */
  readonly doubtful: Share
  /** Pairs of people with a label on the same verdict that agree: the best a judge can hope for. */
  readonly betweenPeople: Share
  /**
   * `good`: 50 labels or more of either kind; `thin`: 10 or more, so intervals are wide; `none`: no rate can be corrected.
   */
  readonly fitness: 'good' | 'thin' | 'none'
}

/** Calibration of one evaluator version, as stored. */
export interface CalibrationRecord {
  readonly schemaVersion: 1
  readonly measured: readonly Measured[]
}

/**
 * Calibration from labels. Only verdicts drawn at random enter the rates; those picked because they were in doubt are shown
 * apart, since a sample of hard cases would make any judge look bad.
 */
export function calibrate(labels: readonly Label[]): CalibrationRecord {
  const kinds = [...new Set(labels.map(({ kind }) => kind))].sort()
  return {
    schemaVersion: 1,
    measured: kinds.map((kind) =>
      measure(
        kind,
        labels.filter((label) => label.kind === kind),
      ),
    ),
  }
}

interface Settled {
  readonly judge: string
  readonly human: string
  readonly arm: string
  readonly isDoubtful: boolean
  readonly isDrawn: boolean
}

function measure(kind: UnitKind, labels: readonly Label[]): Measured {
  const verdicts = [...Map.groupBy(labels, (label) => label.verdictId).values()]
  const settled = verdicts.map(settle).filter((verdict) => verdict !== null)
  const drawn = settled.filter((verdict) => verdict.isDrawn)
  const agreement = agreementOf(drawn, verdictWords[kind])
  const doubtful = settled.filter((verdict) => verdict.isDoubtful)
  const arms = [...new Set(drawn.map(({ arm }) => arm))].sort()
  return {
    ...agreement,
    kind,
    people: new Set(labels.map(({ person }) => person)).size,
    contested: verdicts.length - settled.length,
    byArm: arms.map((arm) => {
      const { sensitivity, specificity } = agreementOf(
        drawn.filter((verdict) => verdict.arm === arm),
        verdictWords[kind],
      )
      return { arm, sensitivity, specificity }
    }),
    doubtful: shareOf(doubtful.filter(({ judge, human }) => judge === human).length, doubtful.length),
    betweenPeople: agreementBetweenPeople(verdicts),
    fitness: fitnessOf(agreement),
  }
}

/** What most people said; null when they were divided or could not tell. */
function settle(labels: readonly Label[]): Settled | null {
  const [first] = labels
  const said = labels.map(({ human }) => human).filter((word) => word !== 'cannot_tell')
  const human = [...new Set(said)].find((word) => said.filter((other) => other === word).length * 2 > said.length)
  if (first === undefined || human === undefined) return null
  const { judge, arm, isDoubtful, isDrawn } = first
  return { judge, human, arm, isDoubtful, isDrawn }
}

function agreementBetweenPeople(verdicts: readonly (readonly Label[])[]): Share {
  let [agreeing, pairs] = [0, 0]
  for (const labels of verdicts) {
    const said = labels.filter(({ human }) => human !== 'cannot_tell')
    for (const [index, one] of said.entries()) {
      for (const other of said.slice(index + 1)) {
        pairs += 1
        if (one.human === other.human) agreeing += 1
      }
    }
  }
  return shareOf(agreeing, pairs)
}

function fitnessOf({ sensitivity, specificity }: Agreement): Measured['fitness'] {
  const fewest = Math.min(sensitivity.of, specificity.of)
  return fewest >= goodLabels ? 'good' : fewest >= fewestLabels ? 'thin' : 'none'
}
