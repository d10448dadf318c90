import { criteriaSchema, defaultComparison, defaultRubric, readCriteria } from './judge-criteria.ts'
import { judgeModelSchema } from './judge-model.ts'
import { retryPrompt } from './judge-prompt.ts'
import type { ConfiguredKind, EvaluatorKind } from './kind.ts'
import { pairwiseJudge, pairwisePrompt } from './pairwise-judge.ts'
import { rubricJudge, rubricPrompt } from './rubric-judge.ts'

/**
 * A model judges: `rubric` grades one answer by binary criteria, `pairwise` compares both arms' answers to a request in both
 * orders (`scorePair`). Pairwise stages without pairs (canary: one arm serves a request) use `score`, the rubric.
 */
export const llmJudge: EvaluatorKind = {
  name: 'llm_judge',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      judge: judgeModelSchema,
      mode: { enum: ['pairwise', 'rubric'] },
      criteria: criteriaSchema,
    },
    required: ['judge', 'mode'],
  },
  configure(config) {
    const judge = String(config['judge'])
    const read = readCriteria(config['criteria'])
    if ('problem' in read) return { problems: [read.problem] }
    const rubric = read.criteria ?? defaultRubric
    const comparison = read.criteria ?? defaultComparison
    const isPairwise = config['mode'] === 'pairwise'
    const configured: ConfiguredKind = {
      config: { judge, mode: config['mode'], rubric, ...(isPairwise ? { comparison } : {}) },
      material: [rubricPrompt.source, retryPrompt, ...(isPairwise ? [pairwisePrompt.source] : [])],
      usesJudge: true,
      score: rubricJudge(judge, rubric),
    }
    return isPairwise ? { ...configured, scorePair: pairwiseJudge(judge, comparison) } : configured
  },
}
