import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { measureCitations, measureEscalation, measureFacts } from './evaluators-content.ts'
import { measureFormat, measureLanguage } from './evaluators-format.ts'
import { measureRefusal } from './evaluators-refusal.ts'
import { measureLeaks, measureLooping, measureTruncation } from './evaluators-text.ts'
import { measureTime } from './evaluators-time.ts'
import { measureToolUse } from './evaluators-tools.ts'
import type { Rows } from './labelled-rows.ts'

/**
 * What the evaluators without a judge are worth, against labels of people and programs: node test/bench/evaluators.ts DIR [NAME]
 *
 * DIR holds the labelled sets, a folder each (names below); a measurement whose set is absent is skipped with its reason. Prints
 * agreement with 95 % intervals. The figures stand in docs/evaluators.md.
 */
const [dir = '', only] = process.argv.slice(2)

const measurements: Readonly<Record<string, { sets: readonly string[]; run: (rows: Rows) => Promise<void> | void }>> = {
  refusal: {
    sets: ['refusals-human-labelled/answers.jsonl.gz', 'instruction-following-many-models/answers.jsonl.gz'],
    run: measureRefusal,
  },
  language: { sets: ['instruction-following-many-models/answers.jsonl.gz'], run: measureLanguage },
  format: { sets: ['instruction-following-many-models/answers.jsonl.gz'], run: measureFormat },
  tool_use: {
    sets: ['tool-calls-ground-truth/cases.jsonl.gz', 'airline-agent-trajectories/trajectories.jsonl.gz'],
    run: measureToolUse,
  },
  pii_leak: { sets: ['personal-data-spans/texts.jsonl'], run: measureLeaks },
  truncation: { sets: ['instruction-following-many-models/answers.jsonl.gz'], run: measureTruncation },
  looping: { sets: ['instruction-following-many-models/answers.jsonl.gz'], run: measureLooping },
  citations: { sets: ['grounded-claims-expert-labelled/answers.jsonl.gz'], run: measureCitations },
  factual: { sets: ['json-answers-many-models/answers.jsonl.gz'], run: measureFacts },
  escalation: { sets: ['airline-agent-trajectories/trajectories.jsonl.gz'], run: measureEscalation },
  time: { sets: [], run: measureTime },
}

const rows: Rows = (path) => {
  const bytes = readFileSync(join(dir, path))
  const text = path.endsWith('.gz') ? gunzipSync(bytes).toString() : bytes.toString()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

if (only !== undefined && !Object.hasOwn(measurements, only)) {
  console.error(`no measurement "${only}"; known: ${Object.keys(measurements).join(', ')}`)
  process.exit(2)
}
for (const [name, { sets, run }] of Object.entries(measurements)) {
  if (only !== undefined && only !== name) continue
  console.log(`\n${name}`)
  const absent = sets.find((path) => !existsSync(join(dir, path)))
  if (absent !== undefined) console.log(`  skipped: ${absent} is not in ${dir === '' ? 'DIR (not given)' : dir}`)
  else await run(rows)
}
