// What can be operated on the page, and whether the Tab key comes to it visibly.

const OPERABLE = "a[href], button, input, select, textarea, summary, [tabindex], [contenteditable=true]"
// In these one element takes the focus, and the arrow keys lead to the others.
const GROUPS = "[role=tablist], [role=radiogroup], [role=listbox], [role=menu], [role=toolbar], [role=grid]"

window.reach = { seen: new Set(), unseen: new Set(), last: null, unfocused: new Map() }

function look(element) {
  const parts = []
  for (let it = element, up = 0; it && up < 8; it = it.parentElement, up += 1) {
    for (const pseudo of [null, "::before", "::after"]) {
      const style = getComputedStyle(it, pseudo)
      parts.push(
        style.outlineStyle + style.outlineWidth + style.outlineColor, style.boxShadow,
        style.borderColor, style.backgroundColor, style.color, style.textDecoration, style.opacity,
      )
    }
  }
  return parts.join("|")
}

function named(element) {
  const name = element.getAttribute("aria-label") || element.textContent.trim() || element.id
  const place = element.closest("[data-testid]")?.dataset.testid ?? element.parentElement.className
  return `${element.tagName.toLowerCase()} "${name.slice(0, 40)}" in ${place}`
}

function isOperable(element) {
  const hidden = !element.isConnected || element.closest("[inert], [aria-hidden=true]") || element.type === "hidden"
  return !hidden && !element.disabled && element.tabIndex >= 0 &&
    element.checkVisibility({ visibilityProperty: true }) &&
    element.getBoundingClientRect().width > 0
}

function focused() {
  let found = document.activeElement
  while (found.shadowRoot?.activeElement) found = found.shadowRoot.activeElement
  return found
}

function check({ element, look: before }) {
  // Of one that came later it is known only now, when it has lost the focus.
  const without = window.reach.unfocused.get(element) ?? (element.isConnected && look(element))
  if (before === without) window.reach.unseen.add(named(element))
}

window.reach.begin = () => {
  for (const it of document.querySelectorAll(OPERABLE)) window.reach.unfocused.set(it, look(it))
}

// Called after every press of Tab; false once the focus has come round.
window.reach.step = () => {
  const { seen, last } = window.reach
  const now = focused()
  if (now === last?.element) return true // a table, whose cells take it one by one
  if (last) check(last)
  const isRound = now === document.body ? seen.size > 0 : now === [...seen][0]
  window.reach.last = now === document.body ? null : { element: now, look: look(now) }
  if (now !== document.body) seen.add(now)
  return !isRound
}

window.reach.faults = () => {
  const { seen, unseen, unfocused } = window.reach
  // What came up only when the focus had passed is not missed.
  const missed = [...unfocused.keys()].filter(isOperable).filter((it) => {
    const group = it.type === "radio" || it.closest(GROUPS)
      ? it.closest(GROUPS) ?? it.closest("fieldset") ?? it.parentElement.parentElement : it
    return ![...seen].some((one) => group.contains(one))
  })
  return [
    ...missed.map((it) => `Tab does not reach ${named(it)}`),
    ...[...unseen].map((name) => `the focus cannot be seen on ${name}`),
  ]
}
