import { criteriaSchema, defaultComparison, defaultRubric, readCriteria } from './judge-criteria.ts'
import { modelsOfPanel, panelSchema, readPanel } from './judge-panel.ts'
import { retryPrompt } from './judge-prompt.ts'
import type { ConfiguredKind, EvaluatorKind } from './kind.ts'
import { pairwiseJudge, pairwisePrompt } from './pairwise-judge.ts'
import { rubricJudge, rubricPrompt } from './rubric-judge.ts'

/**
 * A model judges, or a panel of them: `rubric` grades one answer by binary criteria, `pairwise` compares both arms' answers to a
 * request in both orders (`scorePair`). Pairwise stages without pairs (canary: one arm serves a request) use `score`, the rubric.
 */
export const llmJudge: EvaluatorKind = {
  name: 'llm_judge',
  codeVersion: 2,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...panelSchema,
      mode: { enum: ['pairwise', 'rubric'] },
      criteria: criteriaSchema,
    },
    required: ['mode'],
  },
  configure(config) {
    const whom = readPanel(config)
    if ('problem' in whom) return { problems: [whom.problem] }
    const read = readCriteria(config['criteria'])
    if ('problem' in read) return { problems: [read.problem] }
    const { panel } = whom
    const rubric = read.criteria ?? defaultRubric
    const comparison = read.criteria ?? defaultComparison
    const isPairwise = config['mode'] === 'pairwise'
    const configured: ConfiguredKind = {
      config: { panel, mode: config['mode'], rubric, ...(isPairwise ? { comparison } : {}) },
      material: [rubricPrompt.source, retryPrompt, ...(isPairwise ? [pairwisePrompt.source] : [])],
      usesJudge: true,
      judges: modelsOfPanel(panel),
      questions: { rubric, ...(isPairwise ? { comparison } : {}) },
      score: rubricJudge(panel, rubric),
    }
    return isPairwise ? { ...configured, scorePair: pairwiseJudge(panel, comparison) } : configured
  },
}
