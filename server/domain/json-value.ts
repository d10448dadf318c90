/** A JSON object, not a list and not null: what may be read by field. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The objects of a list; what is no list holds none. */
export function objectsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** A text; '' for everything else. */
export function textOrEmpty(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function objectOrNull(value: unknown): Readonly<Record<string, unknown>> | null {
  return isObject(value) ? value : null
}
