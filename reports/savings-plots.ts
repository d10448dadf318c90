import { intervalPlot } from './charts.ts'
import type { Markup } from './markup.ts'
import type { PreviousComparison, QualityLine } from './savings-view.ts'

/** What a request costs less than on the previous version, with its interval; a saving is drawn to the right. */
export function savedPlot(row: PreviousComparison): Markup {
  const [low, high] = row.savedEachIntervalMicroUsd
  const tone = high < 0 ? 'bad' : low > 0 ? 'good' : 'quiet'
  return intervalPlot({
    metric: 'cost_usd',
    unit: 'usd',
    isLowerBetter: true,
    difference: -row.savedEachMicroUsd / 1e6,
    interval: [-high / 1e6, -low / 1e6],
    limit: null,
    tone,
  })
}

/** How quality changed, with its interval; better is drawn to the right. */
export function qualityPlot(row: QualityLine): Markup {
  const tone = { fell: 'bad', rose: 'good', not_shown: 'quiet' }[row.change]
  return intervalPlot({ ...row, limit: null, tone })
}
