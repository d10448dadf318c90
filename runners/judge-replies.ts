import { createHash } from 'node:crypto'
import type { Catalogue } from '#domain/constraints.ts'
import type { ReplyCache } from '#evaluators/evaluator.ts'
import type { Database } from '#store/database.ts'
import { keepJudgeReply, readJudgeReply } from '#store/judge-replies.ts'

interface ReplyDeps {
  readonly db: Database
  readonly catalogue: () => Promise<Catalogue>
  readonly clock: { nowMs(): number }
}

/**
 * Replies of judges in eval runs, kept by question and by the place the model is served from: a provider that moved is another
 * judge. Live answers are scored without it: their texts outlive no score, and a reply quotes them.
 */
export function judgeReplies({ db, catalogue, clock }: ReplyDeps): ReplyCache {
  const placed = async (key: string, model: string) => {
    const { models, providers } = await catalogue()
    const provider = providers.get(models.get(model)?.provider ?? '')
    const place = provider === undefined ? '' : `${provider.kind} ${provider.baseUrl}`
    return createHash('sha256').update(`${key}\n${place}`).digest('hex')
  }
  return {
    read: async (key, model) => {
      const text = await readJudgeReply(db, await placed(key, model), clock.nowMs())
      return text === null ? null : { text }
    },
    write: async (key, model, { text }) => {
      await keepJudgeReply(db, { key: await placed(key, model), model, text, nowMs: clock.nowMs() })
    },
  }
}
