import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { calibrate, type Label } from '#domain/judge-calibration.ts'
import { conflictWords, judgeConflicts, judgesIn, vendorOf } from '#domain/judge-conflict.ts'
import { judgedUnits, type UnitKind, unitFor, verdictWords, wordsOf } from '#domain/judge-units.ts'
import { humanWord, otherWords, parseTaskId, shownWord, taskId, wordBehind } from '#domain/label-task.ts'

const order = (first: string, winner: string) => ({ first, winner, criteria: [{ reasoning: `${first} first` }] })
const pairOf = (first: string, second: string) => ({
  mode: 'pairwise',
  winner: first === second ? first : 'tie',
  orderDisagreement: first !== second,
  isUndecided: first !== second,
  orders: [order('baseline', first), order('candidate', second)],
})

describe('verdicts in a score (C4)', () => {
  test('a pair is one verdict, in doubt where its orders disagree', () => {
    expect(judgedUnits(1, pairOf('candidate', 'candidate'))).toMatchObject([
      {
        unit: 'pair',
        kind: 'pair',
        verdict: 'candidate',
        doubt: null,
        says: [{ first: 'baseline' }, { first: 'candidate' }],
      },
    ])
    expect(judgedUnits(0.5, pairOf('baseline', 'candidate'))).toMatchObject([{ verdict: 'tie', doubt: 'disagreement' }])
  })

  test('a panel that is split is in doubt though it has a majority', () => {
    const opinion = (judge: string, winner: string) => ({ judge, ...pairOf(winner, winner) })
    const panel = ['candidate', 'candidate', 'baseline'].map((winner, i) => opinion(`j${i}`, winner))
    const details = { mode: 'pairwise', isUndecided: false, panel }
    expect(judgedUnits(1, details)).toMatchObject([{ verdict: 'candidate', doubt: 'disagreement' }])
    expect(judgedUnits(1, { ...details, panel: panel.slice(0, 2) })).toMatchObject([{ doubt: null }])
  })

  test('a rubric is a verdict per criterion that was decided; the rest makes its reply uncertain', () => {
    const criteria = ['met', 'not_met', 'cannot_tell'].map((verdict, i) => ({ id: `c${i}`, verdict, reasoning: 'r' }))
    expect(judgedUnits(0.5, { mode: 'rubric', criteria })).toMatchObject([
      { unit: 'c0', verdict: 'met', doubt: 'uncertainty' },
      { unit: 'c1', verdict: 'not_met', doubt: 'uncertainty' },
    ])
  })

  test('claims are supported or not, whatever the reason', () => {
    const claims = ['supported', 'contradicted', 'not_in_context', 'cannot_tell'].map((verdict) => ({
      claim: 'x',
      verdict,
    }))
    expect(judgedUnits(0.5, { mode: 'llm', claims }).map(({ unit, verdict }) => [unit, verdict])).toEqual([
      ['s1', 'supported'],
      ['s2', 'unsupported'],
      ['s3', 'unsupported'],
    ])
  })

  test('no judge, no verdict: equal answers, lexical scores, and whatever else is stored there', () => {
    expect(judgedUnits(0.5, { mode: 'pairwise', identical: true })).toEqual([])
    expect(judgedUnits(0.5, { mode: 'lexical', claims: [{ claim: 'x', supported: true }] })).toEqual([])
    fc.assert(
      fc.property(fc.jsonValue(), (details) => {
        expect(judgedUnits(0.5, details)).toEqual([])
      }),
      { seed: 1 },
    )
    const shaped = fc.record({
      mode: fc.constantFrom('pairwise', 'rubric', 'llm'),
      criteria: fc.jsonValue(),
      claims: fc.jsonValue(),
      orders: fc.jsonValue(),
      panel: fc.jsonValue(),
    })
    fc.assert(
      fc.property(shaped, (details) => {
        for (const { kind, verdict } of judgedUnits(0.5, details)) expect(wordsOf(kind)).toContain(verdict)
      }),
      { seed: 2, numRuns: 300 },
    )
  })

  test('one verdict of a score is offered, each as often as the others', () => {
    const criteria = ['a', 'b', 'c'].map((id) => ({ id, verdict: 'met' }))
    const units = judgedUnits(1, { mode: 'rubric', criteria })
    const counts = new Map<string, number>()
    for (let i = 0; i < 3_000; i++) {
      const draw = ((i * 2_654_435_761) >>> 0).toString(16).padStart(8, '0').padEnd(16, '0')
      const unit = unitFor(draw, units)?.unit ?? ''
      counts.set(unit, (counts.get(unit) ?? 0) + 1)
    }
    for (const count of counts.values()) expect(count).toBeGreaterThan(800)
    expect(unitFor('0'.repeat(16), [])).toBeNull()
  })
})

describe('what a person sees and says', () => {
  const draws = fc.stringMatching(/^[0-9a-f]{16}$/)
  const kinds = fc.constantFrom<UnitKind>('pair', 'criterion', 'claim')

  test('every word shown leads back to the word behind it, and no shown word names an arm', () => {
    fc.assert(
      fc.property(kinds, draws, (kind, draw) => {
        for (const word of wordsOf(kind)) {
          const given = shownWord(kind, word, draw)
          expect(wordBehind(kind, given, draw)).toBe(word)
          expect(['baseline', 'candidate']).not.toContain(given)
        }
      }),
      { seed: 4 },
    )
  })

  test('"wrong" never means the judge’s word, and "right" always does', () => {
    fc.assert(
      fc.property(kinds, draws, fc.nat(2), (kind, draw, index) => {
        const words = wordsOf(kind)
        const verdict = words[index % words.length]!
        expect(humanWord({ kind, verdict }, draw, { mark: 'right' })).toEqual({ word: verdict })
        for (const instead of otherWords({ kind, verdict }, draw)) {
          expect(humanWord({ kind, verdict }, draw, { mark: 'wrong', instead })).not.toEqual({ word: verdict })
        }
        const same = humanWord({ kind, verdict }, draw, { mark: 'wrong', instead: shownWord(kind, verdict, draw) })
        expect(same).toHaveProperty('problem')
      }),
      { seed: 5 },
    )
  })

  test('a wrong pair needs the right word, a wrong criterion has only one', () => {
    const draw = '00000000000000ff'
    expect(humanWord({ kind: 'pair', verdict: 'tie' }, draw, { mark: 'wrong' })).toHaveProperty('problem')
    expect(humanWord({ kind: 'criterion', verdict: 'met' }, draw, { mark: 'wrong' })).toEqual({ word: 'not_met' })
    expect(humanWord({ kind: 'criterion', verdict: 'met' }, draw, { mark: 'says' })).toHaveProperty('problem')
    expect(humanWord({ kind: 'criterion', verdict: 'met' }, draw, { mark: 'cannot_tell' })).toEqual({
      word: 'cannot_tell',
    })
  })

  test('ids of tasks are read back, and nothing else is', () => {
    const id = taskId('run_1', '0123456789abcdef', 'correct')
    expect(parseTaskId(id)).toEqual({ runId: 'run_1', draw: '0123456789abcdef', unit: 'correct' })
    for (const other of ['', 'run_1', 'run_1.0123.correct', `${id}.x`, "x'--.0123456789abcdef.a"]) {
      expect(parseTaskId(other)).toBeNull()
    }
  })
})

describe('a calibration record', () => {
  const aLabel = (overrides: Partial<Label> = {}): Label => ({
    verdictId: 'v1',
    kind: 'criterion',
    arm: 'baseline',
    judge: 'met',
    human: 'met',
    person: 'ada',
    isDoubtful: false,
    isDrawn: true,
    ...overrides,
  })
  const many = (count: number, overrides: Partial<Label>) =>
    Array.from({ length: count }, (_, i) => aLabel({ verdictId: `${JSON.stringify(overrides)} ${i}`, ...overrides }))

  test('takes rates from drawn verdicts and shows those in doubt apart', () => {
    const [measured] = calibrate([
      ...many(40, {}),
      ...many(20, { judge: 'not_met', human: 'not_met' }),
      ...many(10, { human: 'not_met', isDoubtful: true, isDrawn: false }),
    ]).measured
    expect(measured).toMatchObject({
      labels: 60,
      specificity: { count: 20, of: 20 },
      doubtful: { count: 0, of: 10 },
      fitness: 'thin',
    })
  })

  test('is good from 50 labels of either kind, and none below 10', () => {
    const fitness = (positive: number, negative: number) =>
      calibrate([...many(positive, {}), ...many(negative, { human: 'not_met' })]).measured[0]?.fitness
    expect([fitness(50, 50), fitness(500, 49), fitness(10, 10), fitness(500, 9)]).toEqual([
      'good',
      'thin',
      'thin',
      'none',
    ])
  })

  test('counts a verdict once, by what most people said; where they are divided it is left out', () => {
    const [measured] = calibrate([
      aLabel(),
      aLabel({ person: 'bob', human: 'not_met' }),
      aLabel({ person: 'eve', human: 'not_met' }),
      aLabel({ verdictId: 'v2' }),
      aLabel({ verdictId: 'v2', person: 'bob', human: 'not_met' }),
      aLabel({ verdictId: 'v3', human: 'cannot_tell' }),
    ]).measured
    expect(measured).toMatchObject({
      labels: 1,
      people: 3,
      contested: 2,
      exact: { count: 0, of: 1 },
      betweenPeople: { count: 1, of: 4 },
    })
  })

  test('tells each arm’s errors apart', () => {
    const [measured] = calibrate([
      ...many(10, { human: 'not_met', judge: 'not_met' }),
      ...many(10, { human: 'not_met', judge: 'met', arm: 'candidate' }),
    ]).measured
    expect(measured?.byArm.map(({ arm, specificity }) => [arm, specificity.share])).toEqual([
      ['baseline', 1],
      ['candidate', 0],
    ])
  })

  test('no order of labels changes it', () => {
    const label = fc.record({
      verdictId: fc.constantFrom('a', 'b', 'c'),
      kind: fc.constant<UnitKind>('criterion'),
      arm: fc.constant('baseline'),
      judge: fc.constant(verdictWords.criterion.positive),
      human: fc.constantFrom('met', 'not_met', 'cannot_tell'),
      person: fc.constantFrom('ada', 'bob'),
      isDoubtful: fc.constant(false),
      isDrawn: fc.constant(true),
    })
    fc.assert(
      fc.property(fc.array(label, { maxLength: 12 }), (labels) => {
        expect(calibrate([...labels].reverse())).toEqual(calibrate(labels))
      }),
      { seed: 6 },
    )
  })
})

describe('judges in their own cause', () => {
  test.each([
    ['openai/gpt-4o-2024-08-06', 'openai'],
    ['azure/gpt-4.1', 'openai'],
    ['openrouter/openai/o3-mini', 'openai'],
    ['bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0', 'anthropic'],
    ['bedrock/us.meta.llama3-1-70b-instruct-v1:0', 'meta'],
    ['groq/llama-3.3-70b-versatile', 'meta'],
    ['local/meta-llama/Llama-3-8b', 'meta'],
    ['vertex/gemini-2.0-flash', 'google'],
    ['mistral/open-mixtral-8x22b', 'mistral'],
    ['together/Qwen/Qwen2.5-72B-Instruct', 'alibaba'],
    ['local/acme/judge-1', 'acme'],
    ['acme/judge-1', 'acme'],
  ])('%s was trained by %s', (model, vendor) => {
    expect(vendorOf(model)).toBe(vendor)
  })

  test('an arm as its own judge and a judge of the family are told apart; a stranger is no conflict', () => {
    const evaluators = [
      { name: 'llm_judge', judges: ['openai/gpt-4o', 'azure/gpt-4.1', 'anthropic/claude-opus'] },
      { name: 'exact' },
    ]
    const conflicts = judgeConflicts(evaluators, ['openai/gpt-4o', 'mistral/large', 'openai/gpt-4o'])
    expect(conflicts).toEqual([
      { evaluator: 'llm_judge', judge: 'openai/gpt-4o', kind: 'arm', models: ['openai/gpt-4o'] },
      { evaluator: 'llm_judge', judge: 'azure/gpt-4.1', kind: 'vendor', models: ['openai/gpt-4o'] },
    ])
    expect(conflicts.map(conflictWords)[1]).toContain('same family as openai/gpt-4o')
  })

  test('all judges of a configuration are found', () => {
    expect(judgesIn({ judges: ['a/1', 'b/2'], escalate: 'c/3' }).judges).toEqual(['a/1', 'b/2', 'c/3'])
    expect(judgesIn({ judge: 'a/1' })).toEqual({ panel: ['a/1'], escalate: null, judges: ['a/1'] })
    expect(judgesIn(undefined).judges).toEqual([])
  })
})
