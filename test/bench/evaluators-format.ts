import { formatChecks, formatted } from '#evaluators/format-checks.ts'
import { detectLanguage, knownLanguages } from '#evaluators/language-detect.ts'
import { requestedLanguage } from '#evaluators/language-request.ts'
import { type Agreed, agreementOf, shareShown, shown } from './agreement.ts'
import type { Rows } from './labelled-rows.ts'

interface Prompt {
  readonly id: string
  readonly language: string
  readonly messages: readonly { readonly content: string }[]
  readonly instructions: readonly { readonly check: string; readonly arguments: Readonly<Record<string, unknown>> }[]
}

interface Answer {
  readonly id: string
  readonly answer: string | null
  readonly followed: readonly boolean[]
}

function read(rows: Rows): { prompts: Map<string, Prompt>; answers: Answer[] } {
  const prompts = rows('instruction-following-many-models/prompts.jsonl') as unknown as Prompt[]
  const answers = rows('instruction-following-many-models/answers.jsonl.gz') as unknown as Answer[]
  return { prompts: new Map(prompts.map((prompt) => [prompt.id, prompt])), answers }
}

/** Answers whose language is known: that of the request, unless it asks for another by name. */
export function measureLanguage(rows: Rows): void {
  const { prompts, answers } = read(rows)
  const tally = new Map<string, { right: number; wrong: number; unsaid: number }>()
  const asked: Agreed[] = []
  let unsaid = 0
  for (const { id, answer, followed } of answers) {
    const prompt = prompts.get(id)
    if (!prompt || answer === null) continue
    const at = prompt.instructions.findIndex(({ check }) => check === 'language:response_language')
    const { language } = detectLanguage(answer)
    const wanted = String(at < 0 ? prompt.language : prompt.instructions[at]?.arguments['language'])
    if (at >= 0 && knownLanguages.includes(wanted)) {
      if (language === null) unsaid++
      else asked.push({ cluster: id, truth: followed[at] === true, got: language === wanted })
    }
    if (at >= 0) continue
    const row = tally.get(wanted) ?? { right: 0, wrong: 0, unsaid: 0 }
    tally.set(wanted, row)
    row[language === null ? 'unsaid' : language === wanted ? 'right' : 'wrong']++
  }
  for (const [language, { right, wrong, unsaid: none }] of tally) {
    console.log(`  request in ${language}: answer found in it ${shareShown(right, right + wrong)}; not told ${none}`)
  }
  console.log(
    `  another language asked for, against langdetect's verdicts: ${shown(agreementOf(asked))}; not told ${unsaid}`,
  )
  measureRequests([...prompts.values()])
}

function measureRequests(prompts: readonly Prompt[]): void {
  let found = 0
  let other = 0
  const named = prompts.filter(({ instructions }) =>
    instructions.some(({ check }) => check === 'language:response_language'),
  )
  for (const { messages, instructions } of named) {
    const wanted = instructions.find(({ check }) => check === 'language:response_language')?.arguments['language']
    const request = requestedLanguage(messages.map(({ content }) => content).join('\n'))
    if (request.kind === 'one') request.language === wanted ? found++ : other++
  }
  console.log(`  language asked for by name: found ${shareShown(found, named.length)}, another taken ${other}`)
}

/** IFEval's instruction in our constraints; null: we have no such constraint. */
function constraintOf(
  check: string,
  given: Readonly<Record<string, unknown>>,
  language: string,
): readonly [string, unknown] | null {
  const bound = (count: unknown, relation: unknown) =>
    /less than|menos de|como máximo|moins de|未満|以下/.test(String(relation))
      ? { max: Math.max(0, Number(count) - (/以下|como máximo/.test(String(relation)) ? 0 : 1)) }
      : { min: Number(count) }
  switch (check) {
    case 'punctuation:no_comma':
      return ['excludeCharacters', ',，、،']
    case 'keywords:forbidden_words':
      return ['exclude', given['forbidden_words']]
    case 'keywords:existence':
      return ['include', given['keywords']]
    case 'keywords:frequency':
      return ['mentions', { [String(given['keyword'])]: bound(given['frequency'], given['relation']) }]
    case 'length_constraints:number_words':
      return ['words', bound(given['num_words'], given['relation'])]
    case 'length_constraints:number_sentences':
      return ['sentences', bound(given['num_sentences'], given['relation'])]
    case 'length_constraints:number_paragraphs':
      return ['parts', { separator: '***', count: Number(given['num_paragraphs']) }]
    case 'length_constraints:number_letters':
      return ['characters', bound(given['num_letters'], given['relation'])]
    case 'detectable_format:number_bullet_lists':
      return ['bullets', Number(given['num_bullets'])]
    case 'detectable_format:number_highlighted_sections':
      if (language === 'ja') return ['mentions', { '《': { min: Number(given['num_highlights']) } }]
      return ['highlights', { min: Number(given['num_highlights']) }]
    case 'detectable_content:number_placeholders':
      return ['placeholders', { min: Number(given['num_placeholders']) }]
    case 'detectable_format:title':
      if (language === 'fr') return ['pattern', '##[^#\\n]+##']
      return language === 'ja' ? ['pattern', '『[^』\\n]+』'] : ['title', true]
    case 'detectable_format:json_format':
      return ['json', true]
    case 'startend:quotation':
      return ['quoted', true]
    case 'startend:end_checker':
      return ['endsWith', given['end_phrase']]
    case 'combination:repeat_prompt':
      return ['startsWith', given['prompt_to_repeat']]
    case 'combination:two_responses':
      return ['parts', { separator: '******', count: 2 }]
    case 'change_case:capital_word_frequency':
      return ['capitalWords', bound(given['capital_frequency'], given['capital_relation'])]
    case 'language:response_language':
      return knownLanguages.includes(String(given['language'])) ? ['language', given['language']] : null
    default:
      if (/capital$/.test(check)) return ['letterCase', 'upper']
      return /lowercase$/.test(check) ? ['letterCase', 'lower'] : null
  }
}

/** Agreement with IFEval's and M-IFEval's own strict checkers, constraint by constraint. */
export function measureFormat(rows: Rows): void {
  const { prompts, answers } = read(rows)
  const byCheck = new Map<string, Agreed[]>()
  let without = 0
  for (const { id, answer, followed } of answers) {
    if (answer === null || answer.trim() === '') continue
    const text = formatted(answer)
    for (const [index, instruction] of (prompts.get(id)?.instructions ?? []).entries()) {
      const constraint = constraintOf(instruction.check, instruction.arguments, prompts.get(id)?.language ?? 'en')
      if (constraint === null) {
        without++
        continue
      }
      const [name, parameter] = constraint
      const check = formatChecks[name]
      if (!check) throw new Error(`no constraint ${name}`)
      const got = check.prepare(parameter as never)(text) === null
      const list = byCheck.get(instruction.check) ?? []
      byCheck.set(instruction.check, list)
      list.push({ cluster: id, truth: followed[index] === true, got })
    }
  }
  const all = [...byCheck.values()].flat()
  const agreeing = (list: readonly Agreed[]) => list.filter(({ truth, got }) => truth === got).length
  console.log(
    `  all constraints: ${shown(agreementOf(all, 200))}; same verdict ${shareShown(agreeing(all), all.length)}`,
  )
  console.log(`  instructions without a constraint of ours: ${without}`)
  const sorted = [...byCheck].sort((a, b) => agreeing(a[1]) / a[1].length - agreeing(b[1]) / b[1].length)
  for (const [check, list] of sorted) console.log(`  ${check}: ${shareShown(agreeing(list), list.length)}`)
}
