import { type CompiledSchema, compileSchema, InvalidSchemaError } from './schema-compile.ts'

/** A compiled schema, or why there is none: a broken schema is not compiled again for each of its answers either. */
export type CacheEntry = { readonly schema: CompiledSchema } | { readonly error: string }

/**
 * Compiled schemas of items and requests by content, least recently used first out. Bounded: requests bring schemas without
 * end. Keeps at most `capacity` entries of some 20 KB each.
 */
export class SchemaCache {
  readonly #capacity: number
  readonly #byKey = new Map<string, CacheEntry>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** @param key  the same for equal schemas only. @param text  the schema as JSON, read where the key is new */
  get(key: string, text: string): CacheEntry {
    const entry = this.#byKey.get(key) ?? tryCompile(text)
    this.#byKey.delete(key)
    this.#byKey.set(key, entry)
    for (const oldest of this.#byKey.keys()) {
      if (this.#byKey.size <= this.#capacity) break
      this.#byKey.delete(oldest)
    }
    return entry
  }

  get size(): number {
    return this.#byKey.size
  }
}

function tryCompile(text: string): CacheEntry {
  try {
    return { schema: compileSchema(JSON.parse(text), false) }
  } catch (error) {
    if (error instanceof InvalidSchemaError) return { error: error.message }
    throw error
  }
}
