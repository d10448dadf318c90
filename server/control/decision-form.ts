import { exclusionNames, exclusionWords } from '#domain/exclusions.ts'
import type { DecisionsView, FilterField } from '#reports/decision-view.ts'
import { statusClasses } from '#store/decision-search.ts'
import { type DecisionQuery, decisionQuery } from './decision-query.ts'

type FilterName = keyof typeof decisionQuery

const labels: Readonly<Record<FilterName, string>> = {
  route: 'Route',
  version: 'Version',
  arm: 'Arm',
  model: 'Model',
  provider: 'Provider',
  task: 'Task',
  rule: 'Rule',
  prompt: 'Prompt',
  proposal: 'Proposal',
  status: 'Outcome',
  errorCode: 'Error code',
  key: 'Key',
  workflow: 'Workflow',
  team: 'Team',
  user: 'User',
  project: 'Project',
  account: 'Account',
  session: 'Session',
  environment: 'Environment',
  excludedBy: 'Excluded model',
  isFallback: 'Fallback',
  endpoint: 'Endpoint',
  minCostUsd: 'Cost, at least $',
  minLatencyMs: 'Time, at least ms',
  hasFeedback: 'Feedback',
  since: 'From',
  until: 'Until, not included',
}

const mainFields: readonly FilterName[] = ['route', 'status', 'model', 'task', 'arm', 'since', 'until']
const outcomeWords: Readonly<Record<string, string>> = {
  '2xx': 'answered',
  '4xx': 'refused (4xx)',
  '499': 'client gone',
  '5xx': 'failed (5xx)',
}
const hints: Readonly<Partial<Record<FilterName, string>>> = {
  model: 'provider/model',
  prompt: 'name@version',
  since: '2026-03-01T12:00:00Z',
  until: '2026-03-02',
}

/** The form, its chips and the address of the JSON twin for what was asked. */
export function decisionForm(
  query: DecisionQuery,
  routes: readonly string[],
): Pick<DecisionsView, 'fields' | 'moreFields' | 'isMoreOpen' | 'chips' | 'jsonUrl'> {
  const names = Object.keys(decisionQuery) as FilterName[]
  const more = names.filter((name) => !mainFields.includes(name))
  const field = (name: FilterName) => filterField(name, query, routes)
  return {
    fields: mainFields.map(field),
    moreFields: more.map(field),
    isMoreOpen: more.some((name) => query[name] !== undefined),
    chips: names
      .filter((name) => query[name] !== undefined)
      .map((name) => {
        const { options, value, label } = field(name)
        const shown = options?.find((option) => option.value === value)?.label ?? value
        return { label, value: shown, url: decisionsUrl({ ...query, [name]: undefined }) }
      }),
    jsonUrl: decisionsUrl(query, undefined, '/api/decisions'),
  }
}

/** Address of the list with these filters. @param cursor of the page that follows */
export function decisionsUrl(
  query: Readonly<Record<string, string | number | boolean | undefined>>,
  cursor?: string,
  path = '/decisions',
): string {
  const set = Object.entries({ ...query, cursor }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  )
  return set.length === 0 ? path : `${path}?${new URLSearchParams(set)}`
}

function filterField(name: FilterName, query: DecisionQuery, routes: readonly string[]): FilterField {
  const value = query[name]
  return {
    name,
    label: labels[name],
    value: value === undefined ? '' : String(value),
    options: optionsOf(name, query, routes),
    hint: hints[name] ?? null,
    isNumber: ['version', 'minCostUsd', 'minLatencyMs'].includes(name),
  }
}

function optionsOf(name: FilterName, query: DecisionQuery, routes: readonly string[]): FilterField['options'] {
  const any = { value: '', label: 'any' }
  const plain = (values: readonly string[]) => [any, ...values.map((value) => ({ value, label: value }))]
  switch (name) {
    case 'route':
      // A model that was addressed directly is its own route.
      return plain(query.route === undefined || routes.includes(query.route) ? routes : [query.route, ...routes])
    case 'arm':
    case 'endpoint':
      return plain(decisionQuery[name].enum)
    case 'status':
      return [any, ...statusClasses.map((value) => ({ value, label: outcomeWords[value] ?? value }))]
    case 'excludedBy':
      return [any, ...exclusionNames.map((value) => ({ value, label: exclusionWords[value] }))]
    case 'isFallback':
      return [any, { value: 'true', label: 'by a fallback' }, { value: 'false', label: 'by the first choice' }]
    case 'hasFeedback':
      return [any, { value: 'true', label: 'there is some' }, { value: 'false', label: 'there is none' }]
    default:
      return null
  }
}
