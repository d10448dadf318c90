import type {
  DatasetItemView,
  DatasetRow,
  DatasetsView,
  DatasetVersionRow,
  DatasetView,
} from '#reports/dataset-view.ts'
import { renderPage } from '#reports/render.ts'
import { aShell, hour, now } from '#test/reports/factories.ts'

export function aVersionRow(overrides: Partial<DatasetVersionRow> = {}): DatasetVersionRow {
  return {
    version: 2,
    items: 412,
    sha256: 'a3f1c2d4e5b60718293a4b5c6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7f809',
    createdBy: 'ada',
    createdAt: now - 3 * hour,
    originWords: 'requests of route support-reply',
    ...overrides,
  }
}

export function aDatasetRow(overrides: Partial<DatasetRow> = {}): DatasetRow {
  return { name: 'support', versions: 2, latest: aVersionRow(), runs: 5, ...overrides }
}

export function aDatasetsView(overrides: Partial<DatasetsView> = {}): DatasetsView {
  return {
    items: [
      aDatasetRow(),
      aDatasetRow({
        name: 'maths',
        versions: 1,
        runs: 0,
        latest: aVersionRow({ version: 1, items: 600, originWords: 'uploaded as JSONL' }),
      }),
    ],
    nextUrl: '/datasets?cursor=abc',
    firstCommand: 'npx interlock import questions.jsonl --dataset support',
    ...overrides,
  }
}

const excerpt = (text: string, isCut = false) => ({ text, isCut, totalChars: isCut ? 9_000 : text.length })

export function anItemView(overrides: Partial<DatasetItemView> = {}): DatasetItemView {
  return {
    position: 1,
    id: 't-0f3a9c',
    messages: [
      { role: 'user', content: excerpt('Where is my order 1111? I paid on Monday.') },
      { role: 'assistant', content: excerpt('It is on its way.') },
    ],
    hiddenMessages: 2,
    reference: excerpt('It arrives on Friday.'),
    context: [excerpt('Orders ship within two days. '.repeat(8), true)],
    hiddenContext: 1,
    tags: ['normal', 'long'],
    slice: [{ name: 'task', value: 'retrieval' }],
    has: ['schema', '2 tools'],
    ...overrides,
  }
}

export function aDatasetView(overrides: Partial<DatasetView> = {}): DatasetView {
  return {
    name: 'support',
    shown: aVersionRow(),
    versions: [
      aVersionRow(),
      aVersionRow({
        version: 1,
        items: 120,
        originWords: 'uploaded as CSV',
        sha256: `0${aVersionRow().sha256.slice(1)}`,
      }),
    ],
    hiddenVersions: 0,
    notes: ['38 requests near duplicates of an item'],
    strata: [
      { name: 'generation · chat', found: 2_400, items: 330 },
      { name: 'retrieval', found: 610, items: 82 },
    ],
    fields: [
      { name: 'With reference', items: 12 },
      { name: 'With context', items: 412 },
    ],
    tags: [
      { name: 'normal', items: 390 },
      { name: 'long', items: 22 },
    ],
    slices: [
      {
        name: 'task',
        values: [
          { name: 'generation', items: 330 },
          { name: 'retrieval', items: 82 },
        ],
      },
    ],
    runs: [{ id: 'run_1', version: 2, status: 'completed', createdAt: now - hour, proposalId: 'prp_7Hq2' }],
    proposals: [{ id: 'prp_7Hq2', title: 'Answer simple tickets', status: 'canary' }],
    items: [
      anItemView(),
      anItemView({
        position: 2,
        id: 't-1b',
        messages: [],
        hiddenMessages: 0,
        context: [],
        hiddenContext: 0,
        reference: null,
        has: [],
      }),
    ],
    from: 1,
    to: 2,
    nextUrl: '/datasets/support?version=2&cursor=abc#h-items',
    firstUrl: null,
    jsonUrl: '/api/datasets/support/versions/2/items',
    ...overrides,
  }
}

/** Pages of datasets, by the name of their golden file. @param hostile text as an attacker would send it */
export function datasetPages(hostile: string): Readonly<Record<string, () => string>> {
  const list = (view: DatasetsView) => renderPage('datasets', view, aShell({ title: 'Datasets' }))
  const one = (view: DatasetView) =>
    renderPage('dataset', view, aShell({ title: `Dataset ${view.name}@${view.shown.version}` }))
  return {
    datasets: () => list(aDatasetsView()),
    'datasets-empty': () => list(aDatasetsView({ items: [], nextUrl: null })),
    dataset: () => one(aDatasetView()),
    'dataset-bare': () =>
      one(
        aDatasetView({
          notes: [],
          strata: [],
          fields: [],
          tags: [],
          slices: [],
          runs: [],
          proposals: [],
          nextUrl: null,
          firstUrl: '/datasets/support?version=2#h-items',
        }),
      ),
    'dataset-hostile': () =>
      one(
        aDatasetView({
          name: hostile,
          shown: aVersionRow({ createdBy: hostile, originWords: hostile }),
          notes: [hostile],
          strata: [{ name: hostile, found: 1, items: 1 }],
          tags: [{ name: hostile, items: 1 }],
          slices: [{ name: hostile, values: [{ name: hostile, items: 1 }] }],
          proposals: [{ id: 'p', title: hostile, status: 'canary' }],
          items: [
            anItemView({
              id: hostile,
              messages: [{ role: hostile, content: excerpt(hostile) }],
              reference: excerpt(hostile),
              context: [excerpt(hostile)],
              tags: [hostile],
              slice: [{ name: hostile, value: hostile }],
              has: [hostile],
            }),
          ],
        }),
      ),
  }
}
