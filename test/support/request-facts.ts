import type { RequestFacts } from '#domain/request-facts.ts'

/** Facts of a small request that asks for nothing special. */
export function someFacts(more: Partial<RequestFacts> = {}): RequestFacts {
  return {
    requestId: 'req_1',
    metadata: {},
    inputTokens: 100,
    maxOutputTokens: null,
    hasTools: false,
    hasImages: false,
    wantsJson: false,
    stream: false,
    capabilities: [],
    promptMatches: () => false,
    ...more,
  }
}
