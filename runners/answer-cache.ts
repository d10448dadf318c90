import { canonicalDigest } from '#domain/canonical.ts'
import type { Provider } from '#domain/snapshot.ts'
import type { Database } from '#store/database.ts'
import { findAnswers, type Reuse, type StoredAnswer } from '#store/eval-answers.ts'

/** Everything an answer depends on. */
export interface AnswerIngredients {
  /** Of the route version, which holds its prompt's version and its parameters; null: the model is addressed directly. */
  readonly digest: string | null
  readonly model: string
  readonly provider: Pick<Provider, 'kind' | 'baseUrl'> | undefined
  /** The chat request without `model`: messages as sent, the prompt filled in, tools, parameters. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Which of several answers to the same request. */
  readonly sample: string
}

/** 128 bits of the sha256 over all of it, hex: equal keys are the same question to the same model at the same place. */
export function answerKey({ digest, model, provider, fields, sample }: AnswerIngredients): string {
  const place = provider === undefined ? null : { kind: provider.kind, baseUrl: provider.baseUrl }
  return canonicalDigest({ digest, model, place, fields: plain(fields), sample }).slice(0, 32)
}

/** Fields of hostile datasets may hold what JSON cannot; a key of what is sent is a key of its JSON. */
function plain(fields: Readonly<Record<string, unknown>>): unknown {
  return JSON.parse(JSON.stringify(fields))
}

/** Answers that may stand for a new one. */
export interface AnswerCache {
  /** The earlier answer with this key, or the one that `fetchIt` brings; a key under way is fetched once. */
  answer(key: string, fetchIt: () => Promise<StoredAnswer>): Promise<StoredAnswer>
}

interface Asked {
  readonly key: string
  readonly found: PromiseWithResolvers<StoredAnswer | undefined>
}

/**
 * Looks answers up in what earlier runs stored, or in this run alone. Keys asked for in one turn of the event loop are looked up
 * in one statement. A failed answer is never shared: who waited for it asks for itself.
 */
export class StoredAnswerCache implements AnswerCache {
  readonly #db: Database
  readonly #reuse: Reuse | null
  readonly #underWay = new Map<string, Promise<StoredAnswer>>()
  #asked: Asked[] = []

  /** @param reuse null: answers are named, for later runs, and none is used again */
  constructor(db: Database, reuse: Reuse | null) {
    this.#db = db
    this.#reuse = reuse
  }

  async answer(key: string, fetchIt: () => Promise<StoredAnswer>): Promise<StoredAnswer> {
    if (this.#reuse === null) return fetchIt()
    // Looked for before anything is waited for: of two that ask at once the second must find the first.
    const running = this.#underWay.get(key)
    if (running !== undefined) {
      const other = await running.catch(() => null)
      return other?.cacheKey == null ? fetchIt() : { ...other, isCached: true }
    }
    const own = this.#find(key).then((found) => found ?? fetchIt())
    this.#underWay.set(key, own)
    own.then(
      (answer) => answer.cacheKey ?? this.settle(key),
      () => this.settle(key),
    )
    return own
  }

  /** Says that a key's answer is stored: from now on the table tells of it. */
  settle(key: string): void {
    this.#underWay.delete(key)
  }

  #find(key: string): Promise<StoredAnswer | undefined> {
    const found = Promise.withResolvers<StoredAnswer | undefined>()
    this.#asked.push({ key, found })
    if (this.#asked.length === 1) setImmediate(() => void this.#look())
    return found.promise
  }

  async #look(): Promise<void> {
    const asked = this.#asked
    this.#asked = []
    try {
      const keys = [...new Set(asked.map(({ key }) => key))]
      const answers = this.#reuse === null ? new Map() : await findAnswers(this.#db, keys, this.#reuse)
      for (const { key, found } of asked) found.resolve(answers.get(key))
    } catch {
      // Without the table an answer is fetched: paying twice is better than a hole in the evidence.
      for (const { found } of asked) found.resolve(undefined)
    }
  }
}
