import { contentHash, isWithinDepth } from './content-hash.ts'
import { type CompiledSchema, compileSchema, InvalidSchemaError, maxSchemaDepth } from './schema-compile.ts'

/** A compiled schema, or why there is none: a broken schema is not compiled again for each of its answers either. */
export type CacheEntry = { readonly schema: CompiledSchema } | { readonly error: string }

/**
 * Compiled schemas of items and requests by content, least recently used first out. Bounded: requests bring schemas without
 * end. Keeps at most `capacity` entries of some 20 KB each.
 */
export class SchemaCache {
  readonly #capacity: number
  readonly #byHash = new Map<string, CacheEntry>()
  readonly #byObject = new WeakMap<object, CacheEntry>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** @param schema  a parsed JSON Schema, not changed afterwards */
  get(schema: object): CacheEntry {
    const known = this.#byObject.get(schema)
    if (known) return known
    const entry = this.#lookUp(schema)
    this.#byObject.set(schema, entry)
    return entry
  }

  get size(): number {
    return this.#byHash.size
  }

  #lookUp(schema: object): CacheEntry {
    if (!isWithinDepth(schema, maxSchemaDepth)) {
      return { error: `the schema is nested deeper than ${maxSchemaDepth} levels` }
    }
    const hash = contentHash(schema)
    const entry = this.#byHash.get(hash) ?? tryCompile(schema)
    this.#byHash.delete(hash)
    this.#byHash.set(hash, entry)
    for (const oldest of this.#byHash.keys()) {
      if (this.#byHash.size <= this.#capacity) break
      this.#byHash.delete(oldest)
    }
    return entry
  }
}

function tryCompile(schema: object): CacheEntry {
  try {
    return { schema: compileSchema(schema, false) }
  } catch (error) {
    if (error instanceof InvalidSchemaError) return { error: error.message }
    throw error
  }
}
