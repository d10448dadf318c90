import { ProviderError } from './provider.ts'

const shown = '[redacted]'

/**
 * A failure without the credential that was sent: some proxies quote it in what they answer, and a provider's words are passed
 * on to clients where these can act on them (S3).
 *
 * @param secret null: none was sent
 */
export function withoutSecret(error: unknown, secret: string | null): unknown {
  if (secret === null || !(error instanceof ProviderError) || error.upstream === null) return error
  const { message, type, param, code } = error.upstream
  if (![message, type, param, code].some((text) => text?.includes(secret) === true)) return error
  const hidden = (text: string | null) => text?.replaceAll(secret, shown) ?? null
  return new ProviderError(error.errorClass, error.message, {
    status: error.status,
    retryAfterMs: error.retryAfterMs,
    isSent: error.isSent,
    upstream: { message: hidden(message) ?? '', type: hidden(type), param: hidden(param), code: hidden(code) },
  })
}
