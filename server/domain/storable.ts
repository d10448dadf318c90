/** Text that every database column can hold: no NUL character, no half of a surrogate pair. */
export function storable(text: string): string {
  return text.includes('\0') || !text.isWellFormed() ? text.replaceAll('\0', '').toWellFormed() : text
}
