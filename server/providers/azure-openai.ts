import { isObject } from './answer-facts.ts'
import type { BaseAddress, Dialect } from './dialect.ts'
import { openAi } from './openai.ts'

/** The stable version of Azure's API where a base URL names none. */
const defaultVersion = '2024-10-21'

/**
 * OpenAI's models on Azure: the same bodies and answers at other addresses. A base URL is one of
 *
 *   https://NAME.openai.azure.com                       the model is the deployment's name
 *   https://NAME.openai.azure.com/openai/deployments/D  one deployment for every model
 *   https://NAME.openai.azure.com/openai/v1             the newer API: the deployment is named in the body
 *
 * each with `?api-version=...` where another version is wanted. The annotations of Azure's content filter
 * (`prompt_filter_results`, `content_filter_results`, events with empty choices) reach the client as they are.
 */
export const azureOpenAi: Dialect = {
  ...openAi,
  kind: 'azure-openai',
  path: (base, model) => pathOf(base, model, 'chat/completions'),
  authorize: (secret) => ['api-key', secret],
  embeddings: {
    path: (base, model) => pathOf(base, model, 'embeddings'),
    translate: (body, model) => ({ body: body.bytesFor(model), warnings: [], answer: null }),
  },
  baseUrlQuery: ['api-version'],
  readError: (body) => (isFiltered(body) ? { errorClass: 'content_filter' } : {}),
}

/** The filter's own code stands inside the error: `{"error": {"code": ..., "innererror": {"code": ...}}}`. */
function isFiltered(body: unknown): boolean {
  const error = isObject(body) ? body['error'] : null
  const inner = isObject(error) ? error['innererror'] : null
  return isObject(inner) && inner['code'] === 'ResponsibleAIPolicyViolation'
}

function pathOf(base: BaseAddress, model: string, operation: string): string {
  const version = base.query.get('api-version')
  if (base.path.endsWith('/v1')) {
    return `${base.path}/${operation}${version === null ? '' : `?api-version=${encodeURIComponent(version)}`}`
  }
  const root = base.path.endsWith('/openai') || base.path.includes('/deployments/') ? base.path : `${base.path}/openai`
  const deployment = root.includes('/deployments/') ? root : `${root}/deployments/${encodeURIComponent(model)}`
  return `${deployment}/${operation}?api-version=${encodeURIComponent(version ?? defaultVersion)}`
}
