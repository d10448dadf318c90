import type { EvalCase } from './evaluator.ts'
import { type Criterion, type CriterionVerdict, checkReply, replySchema } from './judge-criteria.ts'
import { conversationText, fence, neutralise, newNonce } from './judge-fence.ts'
import { fill, type JudgePrompt } from './judge-prompt.ts'
import type { JudgeQuestion } from './judge-protocol.ts'
import { type CompiledSchema, compileSchema } from './schema-compile.ts'

/** What stays the same over all questions of one configured judge. */
export interface JudgeSetup<Choice extends string> {
  readonly model: string
  readonly prompt: JudgePrompt
  readonly criteria: readonly Criterion[]
  readonly choices: readonly Choice[]
  readonly schema: Readonly<Record<string, unknown>>
  readonly compiled: CompiledSchema
  readonly replyName: string
}

const sharedSources = ['request', 'context', 'reference'] as const

/** @param answers  labels of the answers shown: `answer`, or `response_1` and `response_2` */
export function setUpJudge<Choice extends string>(
  base: Pick<JudgeSetup<Choice>, 'model' | 'prompt' | 'criteria' | 'choices' | 'replyName'>,
  answers: readonly string[],
): JudgeSetup<Choice> {
  const schema = replySchema(base.criteria, [...answers, ...sharedSources], base.choices)
  return { ...base, schema, compiled: compileSchema(schema, true) }
}

/**
 * The question about one case. Only roles and texts are shown, each in its own fence under a fresh nonce: no model names, no
 * route, no arm.
 *
 * @param answers  label to text, in the order in which they are shown
 */
export function askAbout<Choice extends string>(
  setup: JudgeSetup<Choice>,
  { evalCase, answers, random }: { evalCase: EvalCase; answers: ReadonlyMap<string, string>; random: () => number },
): JudgeQuestion<readonly CriterionVerdict<Choice>[]> {
  const nonce = newNonce(random)
  const material = new Map([...sharedMaterial(evalCase), ...answers])
  const blocks = [...material].map(([label, text]) => fence(label, text, nonce))
  const values = {
    nonce,
    criteria: setup.criteria.map(({ id, text }) => `- ${id}: ${neutralise(text)}`).join('\n'),
    ids: setup.criteria.map(({ id }) => id).join(', '),
    material: blocks.join('\n\n'),
  }
  return {
    model: setup.model,
    nonce,
    system: fill(setup.prompt.system, values),
    user: fill(setup.prompt.user, values),
    replyName: setup.replyName,
    replySchema: setup.schema,
    compiledReply: setup.compiled,
    check: (reply) => checkReply<Choice>(reply, setup.criteria, material),
  }
}

function sharedMaterial({ messages, context, reference }: EvalCase): [string, string][] {
  const shared: [string, string][] = []
  if (messages && messages.length > 0) shared.push(['request', conversationText(messages)])
  if (context && context.length > 0)
    shared.push(['context', context.map((text, i) => `[${i + 1}] ${text}`).join('\n\n')])
  if (reference !== undefined && reference.trim() !== '') shared.push(['reference', reference])
  return shared
}
