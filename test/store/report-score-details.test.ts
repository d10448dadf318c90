import { describe, expect, it } from 'vitest'
import { scoreDetails } from '#store/report-score-details.ts'
import { aCase, evaluator, scoreOf, tools } from '#test/evaluators/support.ts'

const context = ['The Atlas 3 weighs 212 grams.', 'Norden Labs released it in March 2023.']

describe('what an evaluator recorded, as lines for people (E1)', () => {
  it('shows a statement’s evidence with its passage, and those that do not hold first (C3)', async () => {
    const output = 'The Atlas 3 weighs 212 grams. It was made by Acme for 999 dollars.'
    const { details } = await scoreOf('grounding', {}, { output, context })
    const lines = scoreDetails(details)
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatchObject({ isGood: false, label: expect.stringMatching(/^looks unsupported, 0\.\d\d$/) })
    expect(lines[0]?.text).toContain('not in the context: ')
    expect(lines[0]?.text).toContain('999')
    expect(lines[1]).toMatchObject({ isGood: true, label: 'looks supported, 0.99' })
    expect(lines[1]?.text).toBe('The Atlas 3 weighs 212 grams. ← [1] “The Atlas 3 weighs 212 grams.”')
  })

  it('shows a judge’s verdict with the quote and its passage (C3)', async () => {
    const reply = JSON.stringify({
      criteria: [
        {
          id: 's1',
          evidence: [{ quote: 'released it in March', source: 'context' }],
          reasoning: 'r',
          verdict: 'supported',
        },
      ],
    })
    const chat = tools(async () => ({ text: reply, finishReason: 'stop', costMicroUsd: 1 }))
    const judged = evaluator('grounding', { mode: 'llm', judge: 'a/b' })
    const { details } = await judged.score(aCase({ output: 'It was released in March 2023.', context }), chat)
    expect(scoreDetails(details)).toEqual([
      { isGood: true, label: 'supported', text: 'It was released in March 2023. ← [2] “released it in March”' },
    ])
  })

  it('shows fields that are not right, with what was wanted (C2)', async () => {
    const schema = { properties: { id: { 'x-eval': { critical: true } } } }
    const { details } = await scoreOf(
      'json_fields',
      { schema },
      { output: '{"id": 1, "extra": true}', reference: '{"id": 2, "note": "x"}' },
    )
    expect(scoreDetails(details)).toEqual([
      { isGood: false, label: '/id: critical, wrong', text: '1, wanted 2' },
      { isGood: false, label: '/note: missing', text: 'wanted "x"' },
      { isGood: false, label: '/extra: invented', text: 'true' },
    ])
  })

  it('shows what each judge of a panel said, and who was asked last (C4)', () => {
    const winner = (judge: string, won: string, orderDisagreement = false) => ({
      judge,
      winner: won,
      orderDisagreement,
    })
    const details = {
      mode: 'pairwise',
      panel: [
        winner('a/1', 'candidate'),
        winner('b/2', 'tie', true),
        { judge: 'c/3', problem: 'could not be reached' },
      ],
      escalation: winner('z/9', 'baseline'),
    }
    expect(scoreDetails(details)).toEqual([
      { isGood: true, label: 'a/1', text: 'candidate wins' },
      { isGood: null, label: 'b/2', text: 'the two orders disagree' },
      { isGood: null, label: 'c/3', text: 'could not be reached' },
      { isGood: false, label: 'z/9 (asked last)', text: 'baseline wins' },
    ])
  })

  it('says nothing of shapes it does not know', () => {
    for (const details of [null, undefined, 'x', 3, [], { claims: 'x' }, { fields: [null, 3] }, { claims: [{}] }]) {
      expect(() => scoreDetails(details)).not.toThrow()
    }
    expect(scoreDetails({ other: 1 })).toEqual([])
  })
})
