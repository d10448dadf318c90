/** A JSON pointer below another: `~` is written `~0` and `/` is written `~1` (RFC 6901). */
export function pointer(base: string, ...parts: readonly (string | number)[]): string {
  return parts.reduce<string>(
    (path, part) => `${path}/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    base,
  )
}
