/*
 * Live updates. The page is complete without this file. On an event of the server the page is fetched again and the regions
 * marked data-live are swapped where they differ; what one reads stays where it is, open details stay open, and a region in
 * which one is typing or selecting text waits for the next event.
 */
const url = document.body.dataset.liveUrl
const known = new Map()
const announceEveryMs = 10_000
let isBusy = false
let isStale = false
let announcedAt = 0

for (const region of document.querySelectorAll('[data-live]')) known.set(region.dataset.live, region.outerHTML)

function isInUse(region) {
  if (region.querySelector('details[open] form') !== null) return true
  if (region.contains(document.activeElement) && document.activeElement.matches('input, textarea, select')) return true
  const selection = document.getSelection()
  return selection !== null && !selection.isCollapsed && region.contains(selection.anchorNode)
}

/** The first element in sight outside the regions that change: its place on the screen is kept. */
function anchorInSight() {
  for (const element of document.querySelectorAll('main [id], main h2, main h3')) {
    const top = element.getBoundingClientRect().top
    if (top >= 0 && top < window.innerHeight) return { element, top }
  }
  return null
}

function openDetails(region) {
  return [...region.querySelectorAll('details[open][id]')].map((details) => details.id)
}

function swap(region, next) {
  const open = openDetails(region)
  const focusedId = region.contains(document.activeElement) ? document.activeElement.id : ''
  const fresh = document.importNode(next, true)
  region.replaceWith(fresh)
  for (const id of open) fresh.querySelector(`details[id="${CSS.escape(id)}"]`)?.setAttribute('open', '')
  if (focusedId !== '') document.getElementById(focusedId)?.focus({ preventScroll: true })
}

function apply(page) {
  const anchor = anchorInSight()
  for (const next of page.querySelectorAll('[data-live]')) {
    const name = next.dataset.live
    const region = document.querySelector(`[data-live="${CSS.escape(name)}"]`)
    if (region === null || known.get(name) === next.outerHTML) continue
    if (isInUse(region)) {
      isStale = true
      continue
    }
    known.set(name, next.outerHTML)
    swap(region, next)
  }
  if (anchor?.element.isConnected) window.scrollBy(0, anchor.element.getBoundingClientRect().top - anchor.top)
  document.title = page.title
  announce(page)
}

function announce(page) {
  const line = page.querySelector('[data-announce]')?.textContent.trim()
  const region = document.getElementById('announcer')
  const isNew = line !== undefined && line !== '' && region !== null && region.textContent !== line
  if (!isNew || Date.now() - announcedAt < announceEveryMs) return
  announcedAt = Date.now()
  region.textContent = line
}

/** XMLHttpRequest parses into an inert document without any HTML string of ours. */
function refresh() {
  if (isBusy) {
    isStale = true
    return
  }
  isBusy = true
  isStale = false
  const request = new XMLHttpRequest()
  request.open('GET', location.pathname + location.search)
  request.responseType = 'document'
  request.timeout = 15_000
  request.onload = () => {
    if (request.status === 200 && request.response !== null) apply(request.response)
  }
  request.onloadend = () => {
    isBusy = false
    if (isStale) setTimeout(refresh, 2000)
  }
  request.send()
}

function setConnection(state) {
  document.documentElement.dataset.connection = state
}

if (url !== undefined && url !== '') {
  const events = new EventSource(url)
  events.onopen = () => setConnection('live')
  events.onerror = () => setConnection('lost')
  events.onmessage = refresh
  addEventListener('pagehide', () => events.close())
}
