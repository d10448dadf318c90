import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** The embedded database holds no lock of its own: two processes on one directory would lose each other's rows. */
export class EmbeddedDatabaseLockedError extends Error {
  readonly code = 'EMBEDDED_DATABASE_LOCKED'
  constructor(directory: string, pid: number) {
    super(
      `the data directory "${directory}" is open in process ${pid}; stop that process, or set DATABASE_URL to run several on PostgreSQL`,
    )
    this.name = 'EmbeddedDatabaseLockedError'
  }
}

/**
 * Takes the lock file of a data directory: created exclusively, holding our pid and that process's start time.
 * A lock whose process is gone (kill -9, reboot) is taken over.
 *
 * @returns a function that gives the lock back
 * @throws EmbeddedDatabaseLockedError
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true })
  const path = join(directory, 'interlock.lock')
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const file = openSync(path, 'wx')
      writeSync(file, `${process.pid} ${startTimeOf(process.pid) ?? ''}`)
      closeSync(file)
      return () => rmSync(path, { force: true })
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error
      const holder = readHolder(path)
      if (holder !== null && isRunning(holder)) throw new EmbeddedDatabaseLockedError(directory, holder.pid)
      rmSync(path, { force: true })
    }
  }
  throw new Error(`could not take the lock file "${path}"; remove it if no process uses the directory`)
}

interface Holder {
  readonly pid: number
  readonly startTime: string
}

function readHolder(path: string): Holder | null {
  try {
    const [pid, startTime] = readFileSync(path, 'utf8').split(' ')
    const number = Number(pid)
    return Number.isInteger(number) && number > 0 ? { pid: number, startTime: startTime ?? '' } : null
  } catch {
    return null
  }
}

/** A pid is reused after a restart of the machine or container: the start time tells the two apart where /proc exists. */
function isRunning(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as { code?: string }).code !== 'EPERM') return false
  }
  if (holder.pid === process.pid) return holder.startTime === (startTimeOf(process.pid) ?? '')
  const startTime = startTimeOf(holder.pid)
  return startTime === null || holder.startTime === '' || startTime === holder.startTime
}

/** Field 22 of /proc/PID/stat (clock ticks since boot); the command name before it may hold spaces and parentheses. */
function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
