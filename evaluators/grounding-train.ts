import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { contentHash } from './content-hash.ts'
import {
  auroc,
  balancedAccuracy,
  bootstrapInterval,
  calibrationError,
  type Example,
  fitModel,
  type Measured,
} from './grounding-fit.ts'
import { type GroundingModel, supportProbability } from './grounding-model.ts'
import { type JudgedAnswer, madeUpSet, readJudgedSets } from './grounding-sets.ts'

/**
 * Makes the coefficients of the lexical grounding scorer and the card that says what they are worth:
 * `node evaluators/grounding-train.ts DIR`, DIR holding the folders of the three sets. Writes grounding-model.json and
 * grounding-model.card.md beside itself. Deterministic: the same data give the same bytes.
 */
async function train(dir: string): Promise<void> {
  const answers = (await readJudgedSets(dir)).filter(({ claims }) => claims.length > 0)
  const model = fitModel(examplesOf(answers))
  const rows = setsOf(answers).map((set) => measureSet(set, answers))
  write('grounding-model.json', `${JSON.stringify(model, null, 2)}\n`)
  write('grounding-model.card.md', card(rows, model))
  process.stdout.write(card(rows, model))
}

function write(name: string, text: string): void {
  writeFileSync(new URL(`./${name}`, import.meta.url), text)
}

function setsOf(answers: readonly JudgedAnswer[]): string[] {
  return [...new Set(answers.map(({ set }) => set))]
}

/** Every set counts the same (the one made up half), and so do supported and unsupported claims within it. */
function examplesOf(answers: readonly JudgedAnswer[]): Example[] {
  return setsOf(answers).flatMap((set) => {
    const claims = answers.filter((answer) => answer.set === set).flatMap((answer) => answer.claims)
    const labelled = claims.flatMap(({ features, isSupported }) =>
      isSupported === null ? [] : [{ features, isSupported }],
    )
    const supported = labelled.filter(({ isSupported }) => isSupported).length
    return labelled.map(({ features, isSupported }) => ({
      features,
      isSupported,
      weight: (set === madeUpSet ? 0.5 : 1) / (isSupported ? supported : labelled.length - supported),
    }))
  })
}

const folds = 5

function foldOf(group: string): number {
  return createHash('sha256').update(group).digest().readUInt32BE(0) % folds
}

type Choose = (answer: JudgedAnswer) => GroundingModel

function measured(answers: readonly JudgedAnswer[], choose: Choose): Measured[] {
  return answers.flatMap((answer) => {
    if (answer.isSupported === null) return []
    const scores = answer.claims.map(({ features }) => supportProbability(features, choose(answer)))
    const score = scores.reduce((sum, value) => sum + value, 0) / scores.length
    return [{ group: answer.group, score, isSupported: answer.isSupported }]
  })
}

/** A model per fold, trained on the other folds of `answers`. */
function crossValidated(answers: readonly JudgedAnswer[]): Choose {
  const models = Array.from({ length: folds }, (_, fold) =>
    fitModel(examplesOf(answers.filter(({ group }) => foldOf(group) !== fold))),
  )
  return ({ group }) => {
    const model = models[foldOf(group)]
    if (!model) throw new Error(`no model for the fold of ${group}`)
    return model
  }
}

interface SetRow {
  readonly set: string
  readonly answers: number
  readonly supported: number
  readonly groups: number
  readonly figures: readonly string[]
}

function measureSet(set: string, all: readonly JudgedAnswer[]): SetRow {
  const own = all.filter((answer) => answer.set === set)
  const elsewhere = fitModel(examplesOf(all.filter((answer) => answer.set !== set)))
  const units = [crossValidated(all), crossValidated(own), () => elsewhere].map((choose) => measured(own, choose))
  const labelled = own.filter(({ isSupported }) => isSupported !== null)
  return {
    set,
    answers: labelled.length,
    supported: labelled.filter(({ isSupported }) => isSupported).length,
    groups: new Set(labelled.map(({ group }) => group)).size,
    figures: [
      ...units.flatMap((unit) => [figure(unit, auroc), figure(unit, balancedAccuracy)]),
      figure(units[0] ?? [], calibrationError),
      figure(units[2] ?? [], calibrationError),
    ],
  }
}

function figure(units: readonly Measured[], measure: (units: readonly Measured[]) => number): string {
  const [low, high] = bootstrapInterval(units, measure)
  return `${measure(units).toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`
}

function card(rows: readonly SetRow[], model: GroundingModel): string {
  const title = ['all sets', 'this set only', 'the other sets'].flatMap((by) => [`AUROC, ${by}`, `BAcc, ${by}`])
  const table = [
    ['set', 'answers', 'supported', 'groups', ...title, 'ECE, all sets', 'ECE, the other sets'],
    Array.from({ length: 12 }, () => '---'),
    ...rows.map(({ set, answers, supported, groups, figures }) => [set, answers, supported, groups, ...figures]),
  ].map((cells) => `| ${cells.join(' | ')} |`)
  const weights = Object.entries(model.weights).map(([name, weight]) => `| ${name} | ${weight} |`)
  return `${[
    '# Coefficients of the lexical grounding scorer',
    '',
    'Made by `grounding-train.ts`; the same data give the same coefficients. Estimates the probability that a person finds a',
    'claim supported by the context, for equally many supported and unsupported claims; a claim copied word for word scores 0.99. An',
    'answer scores the mean over its claims.',
    '',
    `Coefficients \`${contentHash(model)}\`: the version of the evaluator changes with them.`,
    '',
    '## What it reaches',
    '',
    'Area under the ROC curve and balanced accuracy at 0.5 per answer, with 95 % intervals (bootstrap over documents, questions or',
    'conversations). "all sets": as shipped, five folds. "this set only": five folds. "the other sets": out of domain, never seen.',
    'ECE: expected calibration error over ten parts of [0, 1], supported and unsupported answers weighing the same.',
    '',
    ...table,
    '',
    '## How to read it',
    '',
    '- It compares wording. It is good at telling answers over retrieved passages from answers out of the blue, and close to chance',
    '  at finding one changed word in a faithful summary (summary-consistency): there the numbers say so. Use a judge for that.',
    '- Out of domain the threshold moves more than the order. Gate on the difference between two arms over the same requests, or',
    '  calibrate on labelled answers of your own; do not read 0.5 as "grounded".',
    '- English word endings, function words and opposites are built in; other languages are compared by whole words.',
    '- The context counts as true. What it does not hold is unsupported, whether right or wrong.',
    '- Expert claims were judged against whole web pages, of which only an excerpt is in the set: part of the error is the data.',
    '',
    '## Trained on',
    '',
    '- mismatched-contexts: supported answers of the three sets with their own context and with that of another one (made up here).',
    '- summary-consistency: SummEdits (salesforce/factualNLG, Apache-2.0), sales calls, sales e-mails, SciTLDR, QMSum.',
    '- grounded-claims-expert-labelled: ExpertQA (MIT), complete against incomplete support.',
    '- rag-conversations-human-scored: MTRAG (IBM/mt-rag-benchmark, Apache-2.0), mean faithfulness of three people, 3.5 and above',
    '  against below 3.',
    '',
    `No text of the sets is kept, only these weights on raw features (bias ${model.bias}):`,
    '',
    '| feature | weight |',
    '| --- | --- |',
    ...weights,
  ].join('\n')}\n`
}

if (import.meta.main) {
  const [dir] = process.argv.slice(2)
  if (dir === undefined) process.stderr.write('usage: node evaluators/grounding-train.ts DIR\n')
  else await train(dir)
}
