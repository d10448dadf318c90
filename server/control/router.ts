import { Router } from 'express'
import { InterlockError } from '#domain/errors.ts'
import { requireCaller } from '#http/auth.ts'
import { mountOperations } from '#http/mount.ts'
import type { Operation } from '#http/operation.ts'
import type { ControlDeps } from './control-deps.ts'
import { keyOperations } from './keys.ts'
import { modelOperations } from './models.ts'
import { providerOperations } from './providers.ts'
import { versionOperations } from './route-versions.ts'
import { routeOperations } from './routes.ts'

/** Every operation of the control plane: the one source of routes, permissions and the OpenAPI document. */
export const operations: readonly Operation<ControlDeps>[] = [
  ...providerOperations,
  ...modelOperations,
  ...routeOperations,
  ...versionOperations,
  ...keyOperations,
]

/** Everything below /api. Expects `requestContext` and `authenticator.identify` before it and `errorHandler` after it. */
export function controlRouter(deps: ControlDeps): Router {
  const router = Router({ caseSensitive: true })
  mountOperations(router, operations, deps)
  router.use('/api', (req) => {
    requireCaller(req)
    throw new InterlockError('NOT_FOUND', 'there is nothing at this address; /api/openapi.json lists what there is')
  })
  return router
}
