import { InterlockError } from '#domain/errors.ts'
import { liveUses } from '#store/catalogue.ts'
import type { Tx } from '#store/database.ts'

/**
 * Refuses to remove what a live route version, an open proposal or a bar in force names.
 *
 * @param isIt whether a `provider/model` is among what would go
 * @throws InterlockError IN_USE naming up to five users
 */
export async function refuseUsed(tx: Tx, what: string, isIt: (model: string) => boolean): Promise<void> {
  const uses = (await liveUses(tx)).filter((use) => isIt(use.model))
  if (uses.length === 0) return
  const shown = [...new Set(uses.map((use) => use.by))].slice(0, 5).join('; ')
  throw new InterlockError('IN_USE', `${what} is named by ${shown}; change the routes first`)
}

export function noProvider(name: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no provider "${name}"; PUT /api/providers/${name} adds it`)
}
