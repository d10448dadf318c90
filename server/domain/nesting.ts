/** Deepest value of a stranger's that is written out again: beyond some thousand levels writing JSON fails, reading it does not. */
const maxLevels = 200

/** Whether a parsed value is nested too deep to be written again. */
export function isTooDeep(value: unknown, levels = maxLevels): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((child) => isTooDeep(child, levels - 1))
}
