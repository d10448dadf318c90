import { type Claim, extractClaims, maxClaims } from './claims.ts'
import type { Score } from './evaluator.ts'
import { ContextIndex, type GroundingContext } from './grounding-context.ts'
import { compareClaim } from './grounding-features.ts'
import { supportProbability } from './grounding-model.ts'

/** Longest evidence sentence shown, in UTF-16 code units. */
const maxEvidence = 400

/**
 * Mean over the answer's claims of the estimated probability that the context supports them, or the lowest of them. Each claim is listed with its
 * place in the answer, its best sentence of context, and the words, numbers and quotations that stand nowhere in it.
 *
 * @param passages  at least one
 */
export async function scoreLexically(
  answer: string,
  passages: readonly string[],
  by: 'mean' | 'lowest',
): Promise<Score> {
  const { claims, skipped } = extractClaims(answer)
  if (claims.length === 0)
    return { status: 'not_applicable', reason: 'the answer makes no statement that can be checked' }
  const checked = await checkAll(claims.slice(0, maxClaims), passages)
  const mean = checked.reduce((sum, { supported }) => sum + supported, 0) / checked.length
  const weak = checked.filter(({ supported }) => supported < 0.5)
  const weakest = checked.reduce((low, claim) => (claim.supported < low.supported ? claim : low))
  const details = {
    mode: 'lexical',
    claims: checked,
    claimCount: claims.length,
    skipped: skipped.length,
    lowest: weakest.supported,
    mean: round(mean),
  }
  const reason =
    weak.length === 0
      ? `${checked.length} of ${checked.length} statements look supported`
      : `${weak.length} of ${checked.length} statements look unsupported; weakest: ${describe(weakest)}`
  const unseen = claims.length - checked.length
  if (by === 'lowest' && unseen > 0) {
    return { status: 'unscored', reason: `${reason}; ${unseen} more statements were not compared`, details }
  }
  return { status: 'scored', value: by === 'mean' ? mean : weakest.supported, reason, details }
}

/** Characters compared without letting anything else run, about 20 ms. */
const stepLength = 50_000

/** Compares in steps: a long context must not hold up the requests that this process also serves. */
async function checkAll(claims: readonly Claim[], passages: readonly string[]): Promise<CheckedClaim[]> {
  const context = new ContextIndex()
  let done = 0
  const step = async (length: number) => {
    done += length
    if (done < stepLength) return
    done = 0
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const [index, passage] of passages.entries()) {
    let offset = 0
    for (const part of parts(passage)) {
      context.add(part, index, offset)
      offset += part.length
      await step(part.length)
    }
  }
  const checked: CheckedClaim[] = []
  for (const claim of claims) {
    checked.push(check(claim, context))
    await step(1_000 + context.sentences.length * 5)
  }
  return checked
}

/** A passage in parts of at most one step, cut at the end of a line where there is one. */
function* parts(passage: string): Generator<string> {
  for (let from = 0; from < passage.length; ) {
    const limit = from + stepLength
    const cut = limit >= passage.length ? passage.length : passage.lastIndexOf('\n', limit) + 1
    const to = cut > from ? cut : limit
    yield passage.slice(from, to)
    from = to
  }
}

interface CheckedClaim {
  readonly claim: string
  readonly start: number
  readonly end: number
  /** Estimated probability, [0, 1]. */
  readonly supported: number
  /** The sentence of context nearest to it, with its offsets into its passage. */
  readonly evidence: {
    readonly passage: number
    readonly start: number
    readonly end: number
    readonly text: string
  } | null
  readonly unsupported: readonly string[]
}

function check(claim: Claim, context: GroundingContext): CheckedClaim {
  const { features, best, unsupported } = compareClaim(claim.text, context)
  return {
    claim: claim.text.slice(0, maxEvidence),
    start: claim.start,
    end: claim.end,
    supported: round(supportProbability(features)),
    evidence: best && {
      passage: best.passage,
      start: best.start,
      end: best.end,
      text: best.text.slice(0, maxEvidence),
    },
    unsupported: unsupported.slice(0, 20),
  }
}

function describe({ claim, unsupported }: CheckedClaim): string {
  const short = claim.length > 80 ? `${claim.slice(0, 80).toWellFormed()}…` : claim
  return unsupported.length === 0
    ? `"${short}"`
    : `"${short}" (not in the context: ${unsupported.slice(0, 3).join(', ')})`
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
