// What can be operated on the page, and whether the Tab key comes to it visibly.

const OPERABLE = "a[href], button, input, select, textarea, summary, [tabindex], [contenteditable=true]"
// In these one element takes the focus, and the arrow keys lead to the others.
const GROUPS = "[role=tablist], [role=radiogroup], [role=listbox], [role=menu], [role=grid]"

window.reach = { seen: new Set(), unseen: new Set(), last: null }

function look(element) {
  const parts = []
  for (let it = element, up = 0; it && up < 4; it = it.parentElement, up += 1) {
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
  const hidden = element.closest("[inert], [aria-hidden=true]") || element.type === "hidden"
  return !hidden && !element.disabled && element.tabIndex >= 0 &&
    element.checkVisibility({ visibilityProperty: true }) &&
    element.getBoundingClientRect().width > 0
}

// Called after every press of Tab; false once the focus has come round.
window.reach.step = () => {
  const { seen, unseen, last } = window.reach
  const now = document.activeElement
  if (now === last?.element) return true // a table, whose cells take it one by one
  // How it looks without the focus is known only now that it has lost it.
  if (last && last.element.isConnected && look(last.element) === last.look) {
    unseen.add(named(last.element))
  }
  window.reach.last = { element: now, look: look(now) }
  const isRound = now === document.body ? seen.size > 0 : now === [...seen][0]
  if (now !== document.body) seen.add(now)
  return !isRound
}

window.reach.faults = () => {
  const { seen, unseen } = window.reach
  const missed = [...document.querySelectorAll(OPERABLE)].filter(isOperable).filter((it) => {
    const group = it.type === "radio" || it.closest(GROUPS)
      ? it.closest(GROUPS) ?? it.closest("fieldset") ?? it.parentElement.parentElement : it
    return ![...seen].some((one) => group.contains(one))
  })
  return [
    ...missed.map((it) => `Tab does not reach ${named(it)}`),
    ...[...unseen].map((name) => `the focus cannot be seen on ${name}`),
  ]
}
