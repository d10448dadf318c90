/** What a Markdown answer is built of. Lines inside code fences count for their fence only. */
export interface MarkdownStructure {
  readonly headings: readonly { readonly level: number; readonly text: string }[]
  readonly bullets: number
  readonly numbered: number
  /** Lists: runs of items without a paragraph between them. */
  readonly lists: number
  /** A header row with its divider row. */
  readonly tables: number
  readonly brokenTableRows: number
  readonly fences: readonly { readonly language: string; readonly isClosed: boolean }[]
  readonly quotes: number
  readonly rules: number
  readonly paragraphs: number
  readonly links: number
  readonly strong: number
  readonly emphasis: number
  readonly inlineCode: number
  readonly emoji: number
}

type Kind = 'blank' | 'heading' | 'bullet' | 'numbered' | 'table' | 'quote' | 'rule' | 'text'

/**
 * Reads the structure line by line, in time linear in the text. Not a full CommonMark parser: setext headings, HTML blocks and
 * reference links are text to it.
 */
export function structureOf(text: string): MarkdownStructure {
  const { outside, fences } = withoutFences(text)
  const kinds = outside.map(kindOf)
  const count = (kind: Kind) => kinds.filter((found) => found === kind).length
  const starts = (kind: Kind) => kinds.filter((found, index) => found === kind && kinds[index - 1] !== kind).length
  const body = outside.join('\n')
  return {
    headings: outside.filter((_, index) => kinds[index] === 'heading').map(headingOf),
    bullets: count('bullet'),
    numbered: count('numbered'),
    lists: listsIn(kinds),
    ...tablesIn(outside, kinds),
    fences,
    quotes: starts('quote'),
    rules: count('rule'),
    paragraphs: starts('text'),
    links: matches(body, /\[[^[\]\n]{1,300}\]\([^()\s]{1,2000}(?:\([^()\s]{0,200}\))?\)/g),
    strong: matches(body, /\*\*[^\s*][^*\n]{0,500}\*\*|__[^\s_][^_\n]{0,500}__/g),
    emphasis: matches(body, /(?<![*\p{L}\p{N}])\*[^\s*][^*\n]{0,500}\*(?![*\p{L}\p{N}])/gu),
    inlineCode: matches(body, /(?<!`)`[^`\n]{1,500}`(?!`)/g),
    emoji: matches(body, /\p{Extended_Pictographic}/gu),
  }
}

function withoutFences(text: string): { outside: string[]; fences: { language: string; isClosed: boolean }[] } {
  const outside: string[] = []
  const fences: { language: string; isClosed: boolean }[] = []
  let mark: string | null = null
  let language = ''
  for (const line of text.replaceAll('\r\n', '\n').split('\n')) {
    const fence = /^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]{0,40})/.exec(line)
    if (mark === null && fence?.[1] !== undefined) {
      mark = fence[1]
      language = (fence[2] ?? '').toLowerCase()
    } else if (mark === null) outside.push(line)
    else if (fence?.[1]?.startsWith(mark) && fence[2] === '') {
      fences.push({ language, isClosed: true })
      mark = null
      outside.push('')
    }
  }
  if (mark !== null) fences.push({ language, isClosed: false })
  return { outside, fences }
}

function kindOf(line: string): Kind {
  const start = line.trimStart()
  if (start === '') return 'blank'
  if (/^#{1,6}(?:[ \t]|$)/.test(start)) return 'heading'
  if (/^(?:-{3,}|\*{3,}|_{3,}|(?:\* ){2,}\*|(?:- ){2,}-)[ \t]*$/.test(start)) return 'rule'
  if (/^[-*+•][ \t]|^[・·●◦▪‣]/.test(start)) return 'bullet'
  if (/^\d{1,3}[.)][ \t]/.test(start)) return 'numbered'
  if (start.startsWith('>')) return 'quote'
  return start.startsWith('|') ? 'table' : 'text'
}

function headingOf(line: string): { level: number; text: string } {
  const marks = /^#{1,6}/.exec(line.trimStart())?.[0] ?? '#'
  return { level: marks.length, text: withoutClosing(line.trim().slice(marks.length)).trim() }
}

/** `## Title ##`: the marks at its end. A loop, because a pattern for the end of a long run takes time with its square. */
function withoutClosing(heading: string): string {
  let end = heading.length
  while (heading[end - 1] === '#') end--
  return heading.slice(0, end)
}

/** A paragraph, heading or table ends a list; blank lines do not. */
function listsIn(kinds: readonly Kind[]): number {
  let lists = 0
  let isOpen = false
  for (const kind of kinds) {
    if (kind === 'bullet' || kind === 'numbered') {
      if (!isOpen) lists++
      isOpen = true
    } else if (kind !== 'blank') isOpen = false
  }
  return lists
}

function tablesIn(lines: readonly string[], kinds: readonly Kind[]): { tables: number; brokenTableRows: number } {
  let tables = 0
  let brokenTableRows = 0
  let columns = 0
  for (const [index, line] of lines.entries()) {
    if (kinds[index] !== 'table') columns = 0
    else if (columns > 0) {
      if (cellsOf(line) !== columns) brokenTableRows++
    } else if (isDivider(lines[index + 1] ?? '')) {
      tables++
      columns = cellsOf(line)
    } else if (kinds[index - 1] !== 'table') brokenTableRows++
  }
  return { tables, brokenTableRows }
}

function isDivider(line: string): boolean {
  return line.includes('-') && /^[\s|:-]+$/.test(line) && line.trim().startsWith('|')
}

function cellsOf(row: string): number {
  return row
    .trim()
    .replace(/^\||\|$/g, '')
    .replaceAll('\\|', '')
    .split('|').length
}

function matches(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}
