import { Router } from 'express'
import { InterlockError } from '#domain/errors.ts'
import { requireCaller } from '#http/auth.ts'
import { mountOperations } from '#http/mount.ts'
import type { Operation } from '#http/operation.ts'
import { auditOperations } from './audit.ts'
import { budgetOperations } from './budgets.ts'
import type { ControlDeps } from './control-deps.ts'
import { datasetOperations } from './datasets.ts'
import { decisionOperations } from './decisions.ts'
import { evalRunOperations } from './eval-runs.ts'
import { freezeOperations } from './freeze-windows.ts'
import { gatewayOperations } from './gateways.ts'
import { guardrailOperations } from './guardrails.ts'
import { impactOperations } from './impact.ts'
import { keyFormRouter } from './key-pages.ts'
import { keyOperations } from './keys.ts'
import { labelFormRouter } from './label-pages.ts'
import { labelOperations } from './labels.ts'
import { limitOperations } from './limits.ts'
import { modelOperations } from './models.ts'
import { openApiDocument } from './openapi.ts'
import { pageFormRouter } from './page-forms.ts'
import { payloadOperations } from './payloads.ts'
import { priceOperations } from './prices.ts'
import { promptOperations } from './prompts.ts'
import { proposalOperations } from './proposals.ts'
import { providerOperations } from './providers.ts'
import { reportOperations } from './reports.ts'
import { versionOperations } from './route-versions.ts'
import { routeOperations } from './routes.ts'
import { sessionRouter } from './sessions.ts'

/** Every operation of the control plane: the one source of routes, permissions and the OpenAPI document. */
export const operations: readonly Operation<ControlDeps>[] = [
  ...providerOperations,
  ...priceOperations,
  ...modelOperations,
  ...promptOperations,
  ...guardrailOperations,
  ...payloadOperations,
  ...routeOperations,
  ...versionOperations,
  ...proposalOperations,
  ...impactOperations,
  ...freezeOperations,
  ...datasetOperations,
  ...evalRunOperations,
  ...labelOperations,
  ...decisionOperations,
  ...keyOperations,
  ...budgetOperations,
  ...limitOperations,
  ...auditOperations,
  ...gatewayOperations,
  ...reportOperations,
]

/** Everything below /api, login and logout, and the forms of pages. Expects `requestContext` and `authenticator.identify` before it and `errorHandler` after it. */
export function controlRouter(deps: ControlDeps): Router {
  const router = Router({ caseSensitive: true })
  const document = openApiDocument(operations)
  // The only address below /api that needs no key: it tells nothing that the documentation does not.
  router.get('/api/openapi.json', (_req, res) => {
    res.json(document)
  })
  mountOperations(router, operations, deps)
  router.use('/api', (req) => {
    requireCaller(req)
    throw new InterlockError('NOT_FOUND', 'there is nothing at this address; /api/openapi.json lists what there is')
  })
  router.use(sessionRouter(deps), pageFormRouter(deps), labelFormRouter(deps), keyFormRouter(deps))
  return router
}
