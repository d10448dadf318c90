import { n } from './charts.ts'
import { count, share } from './format.ts'
import { html, type Markup } from './markup.ts'

const full = 1000

/** Split of live traffic: candidate from the left in its colour, the rest is the baseline's. Observed shares come as a tick. */
export function trafficBar(input: { shareBp: number; candidateRequests: number; requests: number }): Markup {
  const width = clamp(input.shareBp / 10_000) * full
  const seen = input.requests === 0 ? null : clamp(input.candidateRequests / input.requests) * full
  const observed =
    input.requests === 0 ? 'no requests yet' : `${share((input.candidateRequests / input.requests) * 10_000)} observed`
  const isMoving = input.shareBp > 0 || input.candidateRequests > 0
  return html`<svg class="bar" viewBox="0 0 ${full} 10" preserveAspectRatio="none" role="img"><title>${share(input.shareBp)} of traffic goes to the candidate</title><desc>${observed}; ${share(10_000 - input.shareBp)} stays on the baseline.</desc><path class="bar-base" d="M0 0H${full}V10H0Z"/>${
    width === 0 ? null : html`<path class="bar-candidate" d="M0 0H${n(width)}V10H0Z"/>`
  }${seen === null || !isMoving ? null : html`<path class="bar-tick" d="M${n(Math.min(full - 4, Math.max(4, seen)))} 0V10"/>`}</svg>`
}

/** Wins, ties and losses of the candidate, item by item. */
export function winBar(input: { wins: number; ties: number; losses: number }): Markup {
  const total = input.wins + input.ties + input.losses
  const won = total === 0 ? 0 : (input.wins / total) * full
  const lost = total === 0 ? 0 : (input.losses / total) * full
  return html`<svg class="bar" viewBox="0 0 ${full} 10" preserveAspectRatio="none" role="img"><title>${count(input.losses)} worse, ${count(input.ties)} equal, ${count(input.wins)} better</title><desc>Items on which the candidate is worse (left), equal, better (right).</desc><path class="bar-base" d="M0 0H${full}V10H0Z"/><path class="bar-lost" d="M0 0H${n(lost)}V10H0Z"/><path class="bar-won" d="M${n(full - won)} 0H${full}V10H${n(full - won)}Z"/></svg>`
}

/** Part of a whole, such as answered of planned. */
export function progressBar(input: { part: number; whole: number; label: string }): Markup {
  const width = input.whole === 0 ? 0 : clamp(input.part / input.whole) * full
  return html`<svg class="bar" viewBox="0 0 ${full} 10" preserveAspectRatio="none" role="img"><title>${input.label}: ${count(input.part)} of ${count(input.whole)}</title><path class="bar-track" d="M0 0H${full}V10H0Z"/><path class="bar-candidate" d="M0 0H${n(width)}V10H0Z"/></svg>`
}

function clamp(ratio: number): number {
  return Number.isFinite(ratio) ? Math.min(1, Math.max(0, ratio)) : 0
}
