import { describe, expect, it } from 'vitest'
import { simulate } from '#cli/simulate.ts'
import { seededRandom } from '#test/domain/seeded-random.ts'

const bar = { evaluators: [{ name: 'llm_judge' }], gates: [{ metric: 'llm_judge', maxDrop: 0.03 }] }

async function run(files: { bar?: unknown; scores?: string }, ...more: string[]) {
  const out: string[] = []
  const err: string[] = []
  const texts = new Map([
    ['bar.json', typeof files.bar === 'string' ? files.bar : JSON.stringify(files.bar ?? bar)],
    ['scores.jsonl', files.scores ?? ''],
  ])
  const code = await simulate(['--bar', 'bar.json', '--scores', 'scores.jsonl', ...more], {
    stdout: (line) => out.push(line),
    stderr: (line) => err.push(line),
    readFile: async (path) => {
      const text = texts.get(path)
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return text
    },
  })
  return { code, err: err.join('\n'), lines: out.map((line) => JSON.parse(line)) }
}

/** Randomised lines: 50 % candidate, scores 0 or 1. */
function scores(count: number, quality: { baseline: number; candidate: number }, units?: number): string {
  const random = seededRandom(17)
  return Array.from({ length: count }, (_, i) => {
    const unit = units === undefined ? `u${i}` : `u${i % units}`
    const isCandidate = units === undefined ? random.isTrue(0.5) : (i % units) % 2 === 0
    const arm = isCandidate ? 'candidate' : 'baseline'
    return JSON.stringify({ arm, unit, metrics: { llm_judge: random.isTrue(quality[arm]) ? 1 : 0, error_rate: 0 } })
  }).join('\n')
}

describe('interlock simulate', () => {
  it('advances an equal candidate, with a line whenever the action changes and a final one', async () => {
    const { code, lines } = await run({ scores: scores(8000, { baseline: 0.9, candidate: 0.9 }) })
    expect(code).toBe(0)
    expect(lines[0]).toMatchObject({ samples: 1, action: 'wait' })
    expect(lines.at(-1)).toMatchObject({ samples: 8000, action: 'advance' })
    const actions = lines.slice(0, -1).map((line) => line.action)
    expect(actions.every((action, i) => i === 0 || action !== actions[i - 1])).toBe(true)
    expect(lines.at(-1)?.reasons).toMatchObject([{ rule: 'gate', metric: 'llm_judge', threshold: 20 }])
  })

  it('rolls a candidate back that is 10 points worse', async () => {
    const { code, lines } = await run({ scores: scores(6000, { baseline: 0.9, candidate: 0.8 }) })
    expect(code).toBe(0)
    expect(lines.at(-1)?.action).toBe('rollback')
  })

  it('waits on an empty file and on one without scores, and never advances', async () => {
    expect((await run({})).lines).toMatchObject([{ samples: 0, action: 'wait' }])
    const unscored = Array.from({ length: 600 }, (_, i) =>
      JSON.stringify({ arm: i % 2 === 0 ? 'baseline' : 'candidate', metrics: { llm_judge: null } }),
    ).join('\n')
    expect((await run({ scores: unscored })).lines.at(-1)).toMatchObject({
      action: 'hold',
      reasons: [{ rule: 'coverage' }],
    })
  })

  it('counts a unit once where units come back', async () => {
    const { lines } = await run({ scores: scores(6000, { baseline: 0.9, candidate: 0.9 }, 20) })
    expect(lines.at(-1)?.action).toBe('wait')
  })

  it('reads gate metric names as the raw value of the answer', async () => {
    const latency = { evaluators: [], gates: [{ metric: 'latency_p95_ms', max: 4000 }] }
    const line = (i: number) =>
      JSON.stringify({ arm: i % 2 === 0 ? 'baseline' : 'candidate', metrics: { latency_p95_ms: 900 } })
    const { lines } = await run({ bar: latency, scores: Array.from({ length: 800 }, (_, i) => line(i)).join('\n') })
    expect(lines.at(-1)?.action).toBe('advance')
  })

  it('tells of metrics that the bar does not know without refusing them', async () => {
    const { code, err } = await run({ scores: '{"arm": "baseline", "metrics": {"llm_judg": 1}}' })
    expect(code).toBe(0)
    expect(err).toContain('llm_judg')
  })

  it.each([
    ['a broken line', { scores: '\n{"arm": "baseline"' }, 'scores.jsonl:2: not JSON'],
    ['an unknown arm', { scores: '{"arm": "control", "metrics": {}}' }, 'scores.jsonl:1: /arm must be'],
    [
      'a score in quotes',
      { scores: '{"arm": "baseline", "metrics": {"llm_judge": "1"}}' },
      '/metrics/llm_judge must be a number',
    ],
    ['an unknown field', { scores: '{"arm": "baseline", "metric": {}}' }, 'known: arm, unit, metrics, missing'],
    ['an unknown reason', { scores: '{"arm": "baseline", "metrics": {}, "missing": {"x": "lost"}}' }, 'not_sampled'],
    ['a bar that is no JSON', { bar: '{' }, 'bar.json: not JSON'],
    ['a bar without gates', { bar: { evaluators: [] } }, 'bar.json /gates: must be a list'],
    [
      'an unknown metric',
      { bar: { ...bar, gates: [{ metric: 'nope', min: 0.5 }] } },
      'bar.json /gates/0/metric: no metric "nope"',
    ],
    [
      'an unknown gate field',
      { bar: { ...bar, gates: [{ metric: 'llm_judge', atLeast: 1 }] } },
      '/gates/0/atLeast: unknown field',
    ],
  ])('refuses %s with file and place, exit code 2', async (_, files, message) => {
    const { code, err, lines } = await run(files)
    expect(code).toBe(2)
    expect(err).toContain(message)
    expect(lines).toEqual([])
  })

  it('refuses a missing flag, a missing file and a bad number', async () => {
    const silent = { stdout: () => {}, stderr: () => {} }
    expect(await simulate(['--bar', 'bar.json'], silent)).toBe(2)
    expect(await simulate(['--bar', '/nowhere/bar.json', '--scores', '/nowhere/scores.jsonl'], silent)).toBe(2)
    expect((await run({}, '--min-samples', '0')).code).toBe(2)
  })
})
