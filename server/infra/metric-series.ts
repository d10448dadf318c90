/** Most series of one metric. What would be one more is counted in one series with every label `other`: a scrape stays bounded. */
export const maxSeries = 2_000

type Labels = Readonly<Record<string, string>>

/** One line of an exposition, as prom-client's registry prints it. */
interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** What prom-client's registry asks of a metric. Its own classes hash the labels at every call, which costs more than routing. */
export interface RegistryMetric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'histogram'
  get(): Promise<{ name: string; help: string; type: string; values: readonly Sample[]; aggregator: string }>
}

/** Counts; only ever rises. */
export class Count {
  value = 0
}

/** Values by size: how many were at most each bound, and their sum. */
export class Sizes {
  readonly bounds: readonly number[]
  /** Not cumulative; the last is for values above every bound. */
  readonly counts: Float64Array
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  /** @param value what is no finite number, or negative, is not counted: a clock may have been set back */
  observe(value: number): void {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) return
    const { bounds, counts } = this
    let index = 0
    while (index < bounds.length && value > (bounds[index] ?? 0)) index += 1
    counts[index] = (counts[index] ?? 0) + 1
    this.sum += value
  }
}

/** The series of one metric, one for each combination of labels. Look one up once, then keep it. */
export class Family<T extends Count | Sizes> implements RegistryMetric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'histogram'
  readonly aggregator = 'sum'
  readonly #labelNames: readonly string[]
  readonly #make: () => T
  readonly #series = new Map<string, { readonly labels: Labels; readonly of: T }>()

  constructor(
    metric: { readonly name: string; readonly help: string; readonly type: 'counter' | 'histogram' },
    labelNames: readonly string[],
    make: () => T,
  ) {
    this.name = metric.name
    this.help = metric.help
    this.type = metric.type
    this.#labelNames = labelNames
    this.#make = make
  }

  /** @param values of the labels, in the order of their names */
  series(...values: readonly string[]): T {
    const key = values.join('\n')
    const known = this.#series.get(key)
    if (known !== undefined) return known.of
    if (this.#series.size >= maxSeries && values.some((value) => value !== 'other')) {
      return this.series(...values.map(() => 'other'))
    }
    const labels = Object.fromEntries(this.#labelNames.map((name, index) => [name, values[index] ?? '']))
    const of = this.#make()
    this.#series.set(key, { labels, of })
    return of
  }

  get(): ReturnType<RegistryMetric['get']> {
    const { name, help, type, aggregator } = this
    const values = [...this.#series.values()].flatMap(({ labels, of }) =>
      of instanceof Sizes ? this.#samplesOf(labels, of) : [{ metricName: name, labels, value: of.value }],
    )
    return Promise.resolve({ name, help, type, values, aggregator })
  }

  #samplesOf(labels: Labels, sizes: Sizes): Sample[] {
    let count = 0
    const buckets = [...sizes.bounds, '+Inf'].map((le, index) => {
      count += sizes.counts[index] ?? 0
      return { metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: count }
    })
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sizes.sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ]
  }
}

/** A metric that counts. @param name ends in `_total` */
export function counts(name: string, help: string, labelNames: readonly string[]): Family<Count> {
  return new Family({ name, help, type: 'counter' }, labelNames, () => new Count())
}

/** A metric of sizes. @param bounds rising */
export function sizes(
  name: string,
  help: string,
  labelNames: readonly string[],
  bounds: readonly number[],
): Family<Sizes> {
  return new Family({ name, help, type: 'histogram' }, labelNames, () => new Sizes(bounds))
}
