/*
 * Accessibility checks that run inside a page (WCAG 2.2 A and AA as far as a program can tell). The value of this script is a
 * list of faults, each `rule: what, where`; an empty list is a pass. accessibility.ts lists the rules.
 */
;(() => {
  const faults = []
  const all = (selector, root = document) => [...root.querySelectorAll(selector)]
  const textOf = (element) => (element.textContent ?? '').replace(/\s+/g, ' ').trim()

  function whereOf(element) {
    const id = element.id === '' ? '' : `#${element.id}`
    const names = element.getAttribute('class')
    return `<${element.localName}${id}${names ? `.${names.trim().split(/\s+/).join('.')}` : ''}> "${textOf(element).slice(0, 40)}"`
  }

  function fault(rule, what, element) {
    faults.push(`${rule}: ${what}${element === undefined ? '' : `, ${whereOf(element)}`}`)
  }

  const isRendered = (element) => element.checkVisibility({ visibilityProperty: true })
  const isExposed = (element) => isRendered(element) && element.closest('[aria-hidden="true"]') === null
  const boxOf = (element) => element.getBoundingClientRect()
  /** Kept for screen readers, cut away for eyes. */
  const isUnseen = (element) => element.closest('.unseen, .unseen-head, .skip:not(:focus)') !== null

  // Names.
  function nameOf(element) {
    const labelledBy = element.getAttribute('aria-labelledby')
    if (labelledBy !== null) {
      return labelledBy.split(/\s+/).map((id) => textOf(document.getElementById(id) ?? document.createElement('i'))).join(' ').trim()
    }
    const label = element.getAttribute('aria-label')
    if (label !== null && label.trim() !== '') return label.trim()
    if (element.labels?.length > 0) return [...element.labels].map(textOf).join(' ').trim()
    if (element.localName === 'svg') return textOf(element.querySelector('title') ?? document.createElement('i'))
    if (element.localName === 'img') return element.alt
    if (element.localName === 'table') return textOf(element.caption ?? document.createElement('i'))
    if (element.localName === 'fieldset') return textOf(element.querySelector('legend') ?? document.createElement('i'))
    if (['input', 'select', 'textarea'].includes(element.localName)) return element.title
    return textOf(element) || element.title
  }

  /** Of an element that is not named by what it holds. */
  function nameOfRegion(element) {
    const isNamed = element.hasAttribute('aria-label') || element.hasAttribute('aria-labelledby')
    return isNamed ? nameOf(element) : ''
  }

  const controls = 'a[href], button, summary, input:not([type="hidden"]), select, textarea'

  function checkNames() {
    for (const element of all(`${controls}, [role="img"], img, table, fieldset, [role="group"]`).filter(isExposed)) {
      if (nameOf(element) === '') fault('name', 'has no name', element)
    }
    for (const element of all('section, nav, form, article').filter(isExposed)) {
      const isNamed = element.hasAttribute('aria-label') || element.hasAttribute('aria-labelledby')
      if (isNamed && nameOf(element) === '') fault('name', 'its label is empty', element)
    }
    for (const kind of ['form', 'article']) {
      const called = all(kind).filter(isExposed).map(nameOfRegion)
      called.forEach((name, index) => {
        if (called.length > 1 && (name === '' || called.indexOf(name) !== index))
          fault('landmark', `two of ${kind} are called "${name}"`, all(kind).filter(isExposed)[index])
      })
    }
    const navs = all('nav').filter(isExposed)
    const names = navs.map(nameOf)
    navs.forEach((nav, index) => {
      if (names[index] === '' || (navs.length > 1 && !nav.hasAttribute('aria-label'))) fault('landmark', 'a nav without a label', nav)
      if (names.indexOf(names[index]) !== index) fault('landmark', `two navs are called "${names[index]}"`, nav)
    })
  }

  // Structure.
  function checkStructure() {
    if (!/^[a-z]{2}/.test(document.documentElement.lang)) fault('lang', 'the document names no language')
    if (document.title.trim() === '') fault('title', 'the document has no title')
    if (all('main').length !== 1) fault('landmark', `${all('main').length} main landmarks`)
    const headings = all('h1, h2, h3, h4, h5, h6').filter(isExposed)
    if (headings.filter((each) => each.localName === 'h1').length !== 1) fault('heading', 'not exactly one h1')
    headings.reduce((before, heading) => {
      const level = Number(heading.localName.slice(1))
      if (level > before + 1) fault('heading', `h${level} follows h${before}`, heading)
      if (textOf(heading) === '') fault('heading', 'is empty', heading)
      return level
    }, 0)
    for (const element of document.body.children) {
      const isLandmark = element.matches('header, main, footer, nav, aside, .skip, script, [role="status"], [aria-live], [aria-hidden="true"]')
      if (!isLandmark && isRendered(element)) fault('landmark', 'content outside every landmark', element)
    }
    const viewport = document.querySelector('meta[name="viewport"]')?.content ?? ''
    if (/user-scalable\s*=\s*no|maximum-scale/.test(viewport)) fault('zoom', 'the viewport forbids zooming')
    const skip = document.querySelector('a[href="#main"]')
    if (skip === null || all(controls)[0] !== skip) fault('skip', 'the first control does not lead to the content')
  }

  function checkIds() {
    const seen = new Set()
    for (const element of all('[id]')) {
      if (seen.has(element.id)) fault('id', `"${element.id}" is used twice`, element)
      seen.add(element.id)
    }
    for (const name of ['for', 'aria-labelledby', 'aria-describedby', 'aria-controls']) {
      for (const element of all(`[${name}]`)) {
        for (const id of element.getAttribute(name).split(/\s+/)) if (!seen.has(id)) fault('id', `${name} names "${id}", which is not there`, element)
      }
    }
    for (const link of all('a[href^="#"], use[href^="#"]')) {
      const id = link.getAttribute('href').slice(1)
      if (id !== '' && !seen.has(id)) fault('id', `leads to "#${id}", which is not there`, link)
    }
  }

  function checkTables() {
    for (const table of all('table').filter(isExposed)) {
      const rows = [...table.rows]
      const columns = rows[0] === undefined ? [] : [...rows[0].cells]
      if (!columns.some((cell) => cell.localName === 'th')) fault('table', 'its first row has no header', table)
      for (const header of all('th', table)) if (!['col', 'row', 'colgroup', 'rowgroup'].includes(header.scope)) fault('table', 'a header without a scope', header)
      for (const row of rows.slice(1)) {
        const width = [...row.cells].reduce((sum, cell) => sum + cell.colSpan, 0)
        const wanted = columns.reduce((sum, cell) => sum + cell.colSpan, 0)
        if (width !== wanted) fault('table', `a row of ${width} cells under ${wanted} headers`, row)
      }
    }
  }

  function checkLists() {
    const isIn = (element, names) => names.includes(element.parentElement?.localName)
    for (const list of all('ul, ol')) for (const child of list.children) if (child.localName !== 'li') fault('list', 'something other than an item in a list', child)
    for (const item of all('li')) if (!isIn(item, ['ul', 'ol'])) fault('list', 'an item outside a list', item)
    for (const term of all('dt, dd')) if (term.closest('dl') === null || !isIn(term, ['dl', 'div'])) fault('list', 'a term outside a list of terms', term)
  }

  // ARIA.
  const roles = ['alert', 'cell', 'columnheader', 'group', 'img', 'row', 'rowgroup', 'rowheader', 'status', 'table', 'progressbar', 'meter', 'list', 'listitem', 'note', 'region']
  const ariaValues = {
    'aria-current': /^(page|step|location|date|time|true|false)$/,
    'aria-hidden': /^(true|false)$/,
    'aria-invalid': /^(true|false)$/,
    'aria-live': /^(polite|assertive|off)$/,
    'aria-label': /\S/,
    'aria-labelledby': /\S/,
    'aria-describedby': /\S/,
    'aria-valuenow': /^[\d.]+$/,
    'aria-valuemin': /^[\d.]+$/,
    'aria-valuemax': /^[\d.]+$/,
    'aria-valuetext': /\S/,
  }

  function checkAria() {
    for (const element of all('*')) {
      const role = element.getAttribute('role')
      if (role !== null && !roles.includes(role)) fault('aria', `unknown role "${role}"`, element)
      for (const { name, value } of element.attributes) {
        if (!name.startsWith('aria-')) continue
        if (ariaValues[name] === undefined) fault('aria', `unknown attribute ${name}`, element)
        else if (!ariaValues[name].test(value)) fault('aria', `${name}="${value}" is none of its values`, element)
      }
      const isNameless = ['div', 'span', 'p', 'code', 'b'].includes(element.localName) && role === null
      if (isNameless && (element.hasAttribute('aria-label') || element.hasAttribute('aria-labelledby'))) fault('aria', 'a label on an element without a role', element)
    }
    for (const hidden of all('[aria-hidden="true"]')) {
      if (hidden.querySelector('a[href], button, input, select, textarea, summary, [tabindex]') !== null) fault('aria', 'hides something that takes the focus', hidden)
    }
  }

  // Keyboard.
  function checkKeyboard() {
    for (const element of all('[tabindex]')) if (element.tabIndex > 0) fault('focus', 'a tabindex above zero changes the order', element)
    for (const element of all(controls).filter(isExposed)) {
      const outer = element.parentElement?.closest('a[href], button, summary')
      if (outer) fault('focus', 'a control within a control', element)
      if (!element.disabled && element.tabIndex < 0) fault('focus', 'cannot be reached by keyboard', element)
    }
    for (const element of all('main *').filter(isExposed)) {
      const style = getComputedStyle(element)
      const isScrolled = (/auto|scroll/.test(style.overflowX) && element.scrollWidth > element.clientWidth + 1) ||
        (/auto|scroll/.test(style.overflowY) && element.scrollHeight > element.clientHeight + 1)
      if (!isScrolled || element.localName === 'textarea' || element.localName === 'select') continue
      const isReached = element.tabIndex >= 0 || all('a[href], button, input, select, textarea, summary, [tabindex="0"]', element).some(isRendered)
      if (!isReached) fault('scroll', 'scrolls, and no key gets there', element)
    }
  }

  /** WCAG 2.5.8: 24 by 24, or far enough from its neighbours, or a link within a sentence. */
  function checkTargets() {
    const targets = all(controls).filter((element) => isExposed(element) && !isUnseen(element))
    const boxes = targets.map((element) => boxOf(element.closest('label') ?? element))
    targets.forEach((element, index) => {
      const box = boxes[index]
      if (box.width >= 24 && box.height >= 24) return
      if (element.disabled || isInSentence(element)) return
      const middle = { x: box.left + box.width / 2, y: box.top + box.height / 2 }
      const isCrowded = boxes.some((other, at) => {
        if (at === index || targets[at].contains(element) || element.contains(targets[at])) return false
        const dx = Math.max(other.left - middle.x, 0, middle.x - other.right)
        const dy = Math.max(other.top - middle.y, 0, middle.y - other.bottom)
        return Math.hypot(dx, dy) < 12
      })
      if (isCrowded) fault('target', `is ${Math.round(box.width)} by ${Math.round(box.height)} and close to another`, element)
    })
  }

  function isInSentence(element) {
    if (element.localName !== 'a' || getComputedStyle(element).display !== 'inline') return false
    const around = [...element.parentElement.childNodes].filter((node) => node !== element)
    return around.some((node) => (node.textContent ?? '').trim() !== '')
  }

  // Colours.
  const canvas = document.createElement('canvas')
  canvas.width = 1
  canvas.height = 1
  const pen = canvas.getContext('2d', { willReadFrequently: true })
  const parsed = new Map()

  /** Red, green, blue 0..255 and alpha 0..1 of any CSS colour. */
  function colourOf(text) {
    if (!parsed.has(text)) {
      pen.clearRect(0, 0, 1, 1)
      pen.fillStyle = text
      pen.fillRect(0, 0, 1, 1)
      const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data
      parsed.set(text, { r, g, b, a: a / 255 })
    }
    return parsed.get(text)
  }

  const over = (top, under) => {
    const mix = (name) => top[name] * top.a + under[name] * (1 - top.a)
    return { r: mix('r'), g: mix('g'), b: mix('b'), a: 1 }
  }

  function groundOf(element) {
    const layers = []
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = colourOf(getComputedStyle(at).backgroundColor)
      if (colour.a > 0) layers.push(colour)
      if (colour.a === 1) break
    }
    const isDark = matchMedia('(prefers-color-scheme: dark)').matches
    const paper = isDark ? { r: 18, g: 18, b: 18, a: 1 } : { r: 255, g: 255, b: 255, a: 1 }
    return layers.reduceRight((under, layer) => over(layer, under), paper)
  }

  function luminance({ r, g, b }) {
    const [red, green, blue] = [r, g, b].map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }

  function contrastOf(text, ground) {
    const [low, high] = [luminance(over(text, ground)), luminance(ground)].sort((a, b) => a - b)
    return (high + 0.05) / (low + 0.05)
  }

  function opacityOf(element) {
    let opacity = 1
    for (let at = element; at !== null; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity)
    return opacity
  }

  function checkContrast() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const checked = new Set()
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement
      if (walker.currentNode.nodeValue.trim() === '' || checked.has(element)) continue
      checked.add(element)
      if (!isExposed(element) || isUnseen(element) || element.closest('script, style, title, desc, :disabled, option')) continue
      const style = getComputedStyle(element)
      const text = colourOf(element.closest('svg') === null ? style.color : style.fill)
      const ratio = contrastOf({ ...text, a: text.a * opacityOf(element) }, groundOf(element))
      const size = Number.parseFloat(style.fontSize)
      const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
      if (ratio < (isLarge ? 3 : 4.5)) fault('contrast', `${ratio.toFixed(2)} to 1`, element)
    }
    for (const field of all('input[placeholder]').filter(isExposed)) {
      const ratio = contrastOf(colourOf(getComputedStyle(field, '::placeholder').color), groundOf(field))
      if (ratio < 4.5) fault('contrast', `its placeholder ${ratio.toFixed(2)} to 1`, field)
    }
    for (const field of all('input:not([type="hidden"]), select, textarea').filter(isExposed)) {
      const edge = colourOf(getComputedStyle(field).borderTopColor)
      const ratio = Math.max(contrastOf(edge, groundOf(field.parentElement)), contrastOf(edge, groundOf(field)))
      if (!['radio', 'checkbox'].includes(field.type) && ratio < 3) fault('edge', `its border ${ratio.toFixed(2)} to 1`, field)
    }
  }

  function checkWidth() {
    const wide = document.documentElement.scrollWidth
    if (wide > innerWidth) fault('reflow', `the page is ${wide} wide in a window of ${innerWidth}`)
  }

  for (const details of all('details')) {
    details.removeAttribute('name')
    details.open = true
  }
  const checks = [checkNames, checkStructure, checkIds, checkTables, checkLists, checkAria, checkKeyboard, checkTargets, checkContrast, checkWidth]
  for (const check of checks) check()
  return faults
})()
