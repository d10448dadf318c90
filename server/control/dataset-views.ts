import { InterlockError } from '#domain/errors.ts'
import type { DatasetOrigin, StoredDatasetVersion } from '#store/datasets.ts'
import { readDatasetVersion } from '#store/datasets.ts'
import { iso, nameSchema, timeSchema } from './common-schemas.ts'
import type { ControlDeps } from './control-deps.ts'

export const datasetVersionSchema = {
  type: 'object',
  properties: {
    name: nameSchema,
    version: { type: 'integer' },
    items: { type: 'integer', description: 'number of items' },
    sha256: { type: 'string', description: 'digest of the content: the same items in the same order have the same' },
    createdBy: { type: 'string' },
    createdAt: timeSchema,
    origin: {
      type: ['object', 'null'],
      description:
        'kind upload: format, and notes on what was not carried over; kind traffic: route, since, until, found, examined, ' +
        'nearDuplicates, unusable, strata. null: uploaded by an older version of Interlock',
    },
  },
  required: ['name', 'version', 'items', 'sha256', 'createdBy', 'createdAt', 'origin'],
} as const

export function datasetVersionView({ createdAt, origin, ...version }: StoredDatasetVersion) {
  return { ...version, createdAt: iso(createdAt), origin: originView(origin) }
}

function originView(origin: DatasetOrigin | null) {
  if (origin?.kind !== 'traffic') return origin
  return { ...origin, since: iso(origin.since), until: iso(origin.until) }
}

/** @throws InterlockError NOT_FOUND */
export async function existingVersion(
  deps: Pick<ControlDeps, 'db'>,
  name: string,
  version: number,
): Promise<StoredDatasetVersion> {
  const found = await readDatasetVersion(deps.db, name, version)
  if (found === null) throw new InterlockError('NOT_FOUND', `there is no dataset "${name}@${version}"`)
  return found
}
