import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { openEmbedded, openPostgres } from '#store/database.ts'
import { migrate } from '#store/migrate.ts'
import { controlRig } from '#test/support/control.ts'

/**
 * How long an upload of 32 MiB keeps the process from serving others: `node test/bench/upload.ts [postgres URL]` (a database
 * that may be filled; without one, an embedded one in a temporary folder). The client is curl, in a process of its own. Prints one line per file: time to the answer, and
 * the longest and 99th percentile delay of the event loop meanwhile, milliseconds.
 */
const bytes = 32 * 1024 * 1024 - 4_096

/** Short rows are the worst case: most items per megabyte. */
function csv(rowChars: number): string {
  const rows = ['id,prompt,reference,tags,slice.language']
  for (let size = 0, i = 0; ; i++) {
    const row = `q${i},"Question ${i}: ${'lorem ipsum '.repeat(Math.ceil(rowChars / 12)).slice(0, rowChars)}","answer, ${i}",normal,en`
    size += row.length + 1
    if (size > bytes || i >= 100_000) return rows.join('\n')
    rows.push(row)
  }
}

function jsonl(rowChars: number): string {
  const rows: string[] = []
  for (let size = 0, i = 0; ; i++) {
    const content = `Question ${i}: ${'lorem ipsum '.repeat(Math.ceil(rowChars / 12)).slice(0, rowChars)}`
    const row = JSON.stringify({ id: `q${i}`, messages: [{ role: 'user', content }], reference: `answer ${i}` })
    size += row.length + 1
    if (size > bytes || i >= 100_000) return rows.join('\n')
    rows.push(row)
  }
}

const run = promisify(execFile)
const url = process.argv[2]
const directory = mkdtempSync(join(tmpdir(), 'interlock-bench-'))
const open = url === undefined ? await openEmbedded(join(directory, 'db')) : openPostgres(url, () => undefined)
await migrate(open.db)
const rig = await controlRig(open.db)
const files = [
  ['csv, 100,000 rows', csv(280), 'text/csv'],
  ['csv, rows of 20,000', csv(20_000), 'text/csv'],
  ['csv, faulty at its end', `${csv(280)}\nx,"`, 'text/csv'],
  ['jsonl, 100,000 rows', jsonl(230), 'application/x-ndjson'],
] as const
for (const [title, raw, type] of files) {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  const file = join(directory, 'upload')
  writeFileSync(file, raw)
  const name = `bench-${Date.now()}`
  delay.enable()
  const started = performance.now()
  const { stdout } = await run('curl', [
    ...['-s', '-H', `authorization: Bearer ${rig.keys.admin}`, '-H', `content-type: ${type}`],
    ...['--data-binary', `@${file}`, `${rig.url}/api/datasets/${name}/versions`],
  ])
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  delay.disable()
  const [longest, p99] = [delay.max / 1e6, delay.percentile(99) / 1e6].map((ms) => ms.toFixed(0))
  const answer = JSON.parse(stdout) as { items?: number; code?: string }
  process.stdout.write(
    `${title.padEnd(24)} ${(raw.length / 1e6).toFixed(1)} MB  ${answer.items ?? answer.code}  ${seconds} s  longest delay ${longest} ms, p99 ${p99} ms, rss ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB\n`,
  )
}
await rig.close()
await open.close()
rmSync(directory, { recursive: true, force: true })
