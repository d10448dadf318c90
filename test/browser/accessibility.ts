import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'

const source = readFileSync(new URL('./page-checks.js', import.meta.url), 'utf8')

/**
 * What is wrong with a page for somebody who cannot see it, cannot use a mouse, or enlarges it: WCAG 2.2 A and AA as far as a
 * program can tell. Opens every `details` first. The checks are our own: the well-known checker is MPL-2.0.
 *
 * - `name`: controls, pictures, tables and groups have a name (1.1.1, 2.4.4, 4.1.2)
 * - `lang`, `title`, `landmark`, `heading`, `skip`, `list`, `table`: structure (1.3.1, 2.4.1, 2.4.2, 2.4.6, 3.1.1)
 * - `id`, `aria`: references that lead somewhere; roles, attributes and values that exist (4.1.2)
 * - `focus`, `scroll`: order, reach, no control within a control (2.1.1, 2.4.3)
 * - `target`: 24 by 24 pixels or room around it (2.5.8)
 * - `contrast`, `edge`: 4.5:1 for text, 3:1 for large text and the borders of fields (1.4.3, 1.4.11)
 * - `zoom`, `reflow`: may be enlarged, and nothing scrolls sideways at 320 pixels (1.4.4, 1.4.10)
 *
 * @returns one line per fault: `rule: what, where`
 */
export function findFaults(page: Page): Promise<string[]> {
  return page.evaluate(source)
}
