import { checkCondition, tasksIn } from './conditions.ts'
import { type Catalogue, exclusionsOf } from './constraints.ts'
import type { Problem } from './errors.ts'
import { isObject } from './json-value.ts'
import { pointer } from './pointer.ts'
import { anyRequest } from './request-facts.ts'
import type { Classifier, RouteSpec } from './route.ts'
import { knownTasksOf } from './task.ts'

const at = '/task/classifier'
const maxExamples = 256
const maxExampleCharacters = 2_000
const maxRules = 200
const maxTasks = 64
/** Milliseconds: below the first no provider answers, above the second a request is better sent to its default. */
const deadlineForm = { from: 10, to: 5_000, isWhole: true } as const
/** A task's name: letters, digits and a few signs, no line break, so that a model can answer it and a header carry it. */
const taskName = /^[\p{L}\p{N}][\p{L}\p{N} ._/-]{0,63}$/u

const fields: Readonly<Record<Classifier['kind'], readonly string[]>> = {
  rules: ['kind', 'rules'],
  lexical: ['kind', 'minConfidence', 'longContextTokens'],
  embedding: ['kind', 'model', 'examples', 'minSimilarity', 'deadlineMs'],
  model: ['kind', 'model', 'tasks', 'deadlineMs'],
}

type Fields = Readonly<Record<string, unknown>>

/**
 * What is wrong with how a spec identifies tasks: names no one knows, fields a classifier does not have, examples and limits out
 * of range, a model the route's own constraints keep prompts from.
 */
export function checkTask(spec: RouteSpec, catalogue: Catalogue): Problem[] {
  const { task } = spec
  const shape = [...checkTypes(task?.types), ...checkClassifierShape(task?.classifier)]
  // Names can be looked up only where the form is right.
  if (shape.length > 0) return shape
  return [...checkNames(spec), ...checkClassifierMeaning(spec, catalogue)]
}

function checkTypes(types: unknown): Problem[] {
  if (types === undefined) return []
  if (!Array.isArray(types) || types.length > maxTasks) {
    return [{ path: '/task/types', message: `must be a list of at most ${maxTasks} names` }]
  }
  return types.flatMap((name, index) => {
    const path = pointer('/task/types', index)
    if (types.indexOf(name) < index) return [{ path, message: `"${String(name)}" is in the list twice` }]
    return checkName(name, path)
  })
}

function checkName(name: unknown, path: string): Problem[] {
  if (typeof name === 'string' && taskName.test(name)) return []
  const message = 'must be a task name: letters, digits and "-", "_", ".", "/" or spaces, 64 at most'
  return [{ path, message }]
}

/** The form of a classifier, which the API's schema leaves open. */
function checkClassifierShape(classifier: unknown): Problem[] {
  if (classifier === undefined) return []
  if (!isObject(classifier)) return [{ path: at, message: 'must be an object with a kind' }]
  const { kind } = classifier
  const known = Object.hasOwn(fields, String(kind)) ? fields[kind as Classifier['kind']] : undefined
  if (known === undefined) {
    const names = Object.keys(fields).join(', ')
    return [{ path: pointer(at, 'kind'), message: `unknown kind "${String(kind).slice(0, 80)}"; known: ${names}` }]
  }
  const unknown = Object.keys(classifier)
    .filter((name) => !known.includes(name))
    .map((name) => ({ path: pointer(at, name), message: `unknown field "${name}"; known: ${known.join(', ')}` }))
  return [...unknown, ...shapes[kind as Classifier['kind']](classifier)]
}

const shapes: Readonly<Record<Classifier['kind'], (classifier: Fields) => Problem[]>> = {
  rules: ({ rules }) => checkList(rules, pointer(at, 'rules'), { least: 1, most: maxRules, check: checkTaskRule }),
  lexical: ({ minConfidence, longContextTokens }) => [
    ...checkNumber(minConfidence, pointer(at, 'minConfidence'), { from: 0, to: 1 }),
    ...checkNumber(longContextTokens, pointer(at, 'longContextTokens'), { from: 1, to: 100_000_000, isWhole: true }),
  ],
  embedding: ({ model, examples, minSimilarity, deadlineMs }) => [
    ...checkModelField(model),
    ...checkList(examples, pointer(at, 'examples'), { least: 1, most: maxExamples, check: checkExample }),
    ...checkNumber(minSimilarity, pointer(at, 'minSimilarity'), { from: -1, to: 1 }),
    ...checkNumber(deadlineMs, pointer(at, 'deadlineMs'), deadlineForm),
  ],
  model: ({ model, tasks, deadlineMs }) => [
    ...checkModelField(model),
    ...(tasks === undefined
      ? []
      : checkList(tasks, pointer(at, 'tasks'), { least: 2, most: maxTasks, check: checkName })),
    ...checkNumber(deadlineMs, pointer(at, 'deadlineMs'), deadlineForm),
  ],
}

function checkTaskRule(rule: unknown, path: string): Problem[] {
  if (!isObject(rule)) return [{ path, message: 'must be {"when": {...}, "task": "name"}' }]
  const when = pointer(path, 'when')
  return [
    ...checkExtra(rule, ['when', 'task'], path),
    ...checkCondition(rule['when'], when),
    ...tasksIn(rule['when'], when).map((mention) => ({
      path: mention.path,
      message: 'the task is what is being found: compare something else',
    })),
    ...checkName(rule['task'], pointer(path, 'task')),
  ]
}

function checkModelField(model: unknown): Problem[] {
  return typeof model === 'string'
    ? []
    : [{ path: pointer(at, 'model'), message: 'must name a model as provider/model' }]
}

function checkExample(example: unknown, path: string): Problem[] {
  if (!isObject(example)) return [{ path, message: 'must be {"text": "...", "task": "name"}' }]
  const { text, task, rule } = example
  const problems = checkExtra(example, ['text', 'task', 'rule'], path)
  if (typeof text !== 'string' || text.trim() === '' || text.length > maxExampleCharacters) {
    problems.push({ path: pointer(path, 'text'), message: `must be a text of 1 to ${maxExampleCharacters} characters` })
  }
  if (task === undefined && rule === undefined) problems.push({ path, message: 'names neither a task nor a rule' })
  if (task !== undefined) problems.push(...checkName(task, pointer(path, 'task')))
  if (rule !== undefined && typeof rule !== 'string') {
    problems.push({ path: pointer(path, 'rule'), message: 'must be the name of a rule of this spec' })
  }
  return problems
}

function checkNames(spec: RouteSpec): Problem[] {
  const { task } = spec
  const known = knownTasksOf(spec).names
  const mentions = [
    ...(task?.default === undefined ? [] : [{ task: task.default, path: '/task/default' }]),
    ...placesIn(task?.classifier),
    ...(spec.rules ?? []).flatMap((rule, index) => tasksIn(rule.when, pointer('/rules', index, 'when'))),
  ]
  return mentions
    .filter((mention) => !known.has(mention.task))
    .map((mention) => ({
      path: mention.path,
      message: `no task "${mention.task.slice(0, 80)}"; known: ${[...known].join(', ')}; task.types names a route's own`,
    }))
}

function placesIn(classifier: Classifier | undefined): { task: string; path: string }[] {
  const placed = (task: string | undefined, ...steps: (string | number)[]) =>
    task === undefined ? [] : [{ task, path: pointer(at, ...steps) }]
  if (classifier?.kind === 'rules') {
    return classifier.rules.flatMap((rule, index) => placed(rule.task, 'rules', index, 'task'))
  }
  if (classifier?.kind === 'embedding') {
    return classifier.examples.flatMap((example, index) => placed(example.task, 'examples', index, 'task'))
  }
  if (classifier?.kind === 'model') {
    return (classifier.tasks ?? []).flatMap((task, index) => placed(task, 'tasks', index))
  }
  return []
}

function checkClassifierMeaning(spec: RouteSpec, catalogue: Catalogue): Problem[] {
  const classifier = spec.task?.classifier
  if (classifier === undefined || classifier.kind === 'rules' || classifier.kind === 'lexical') return []
  const path = pointer(at, 'model')
  if (!catalogue.models.has(classifier.model)) {
    const known = [...catalogue.models.keys()].sort().slice(0, 12).join(', ')
    return [{ path, message: `no model "${classifier.model}"; known: ${known || 'none, the catalogue is empty'}` }]
  }
  const { regions, dataPolicies, providers } = spec.constraints ?? {}
  const place = { ...(regions && { regions }), ...(dataPolicies && { dataPolicies }), ...(providers && { providers }) }
  const barred = exclusionsOf(classifier.model, [place], anyRequest, catalogue)
  const rules = (spec.rules ?? []).map((rule) => rule.name)
  const unknownRules =
    classifier.kind !== 'embedding'
      ? []
      : classifier.examples.flatMap(({ rule }, index) =>
          rule === undefined || rules.includes(rule)
            ? []
            : [{ path: pointer(at, 'examples', index, 'rule'), message: noRule(rule, rules) }],
        )
  const { deadlineMs } = classifier
  const totalMs = spec.timeouts?.totalMs
  const isTooLong = deadlineMs !== undefined && totalMs !== undefined && deadlineMs > totalMs / 2
  return [
    ...(isTooLong ? [{ path: pointer(at, 'deadlineMs'), message: `is more than half of totalMs (${totalMs})` }] : []),
    ...unknownRules,
    ...barred.map(({ detail }) => ({
      path,
      message: `prompts of this route may not go to "${classifier.model}" (${detail}): every request would take the default`,
    })),
  ]
}

function noRule(rule: string, rules: readonly string[]): string {
  return `no rule "${rule.slice(0, 80)}"; known: ${rules.join(', ') || 'none, the spec has no rules'}`
}

interface ListForm {
  readonly least: number
  readonly most: number
  readonly check: (item: unknown, path: string) => readonly Problem[]
}

function checkList(list: unknown, path: string, { least, most, check }: ListForm): Problem[] {
  if (!Array.isArray(list) || list.length < least || list.length > most) {
    return [{ path, message: `must be a list of ${least} to ${most} entries` }]
  }
  return list.flatMap((item, index) => check(item, pointer(path, index)))
}

interface NumberForm {
  readonly from: number
  readonly to: number
  readonly isWhole?: true
}

function checkNumber(value: unknown, path: string, { from, to, isWhole }: NumberForm): Problem[] {
  if (value === undefined) return []
  const isFine = typeof value === 'number' && value >= from && value <= to && (!isWhole || Number.isInteger(value))
  return isFine ? [] : [{ path, message: `must be a ${isWhole ? 'whole ' : ''}number from ${from} to ${to}` }]
}

function checkExtra(value: Fields, known: readonly string[], path: string): Problem[] {
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => ({ path: pointer(path, name), message: `unknown field "${name}"; known: ${known.join(', ')}` }))
}
