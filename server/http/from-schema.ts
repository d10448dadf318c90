declare const meaning: unique symbol

/** A JSON Schema whose TypeScript type is written elsewhere, such as a domain type. */
export interface Typed<T> {
  readonly [meaning]?: T
}

/** Names the type a schema stands for, where it cannot be derived from the schema. */
export function typed<T>(schema: object): Typed<T> {
  return schema as Typed<T>
}

/** The type of the values that a JSON Schema written `as const` accepts; unknown where the schema does not say. */
export type FromSchema<S> = S extends { readonly [meaning]?: infer T }
  ? unknown extends T
    ? FromPlain<S>
    : Exclude<T, undefined>
  : FromPlain<S>

type FromPlain<S> = S extends { const: infer C }
  ? C
  : S extends { enum: readonly (infer E)[] }
    ? E
    : S extends { type: readonly (infer N)[] }
      ? N extends string
        ? FromSchema<Omit<S, 'type'> & { type: N }>
        : never
      : S extends { type: 'string' }
        ? string
        : S extends { type: 'integer' | 'number' }
          ? number
          : S extends { type: 'boolean' }
            ? boolean
            : S extends { type: 'null' }
              ? null
              : S extends { type: 'array'; items: infer I }
                ? readonly FromSchema<I>[]
                : S extends { type: 'object'; properties: infer P }
                  ? FromProperties<P, S extends { required: readonly (infer R)[] } ? R : never>
                  : S extends { type: 'object'; additionalProperties: infer V extends object }
                    ? Readonly<Record<string, FromSchema<V>>>
                    : S extends { type: 'object' }
                      ? Readonly<Record<string, unknown>>
                      : unknown

type FromProperties<P, Required> = {
  readonly [K in keyof P as K extends Required ? K : never]: FromSchema<P[K]>
} & {
  readonly [K in keyof P as K extends Required ? never : K]?: FromSchema<P[K]>
}
