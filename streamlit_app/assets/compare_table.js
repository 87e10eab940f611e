// Runs side by side: a column for each, a row for each fact or parameter. All text goes in as text.

import { runName } from "./run_lines.js"

const DRAWN = new WeakMap()

export default function draw(root, data) {
  // What is being read or selected stays while nothing has changed.
  const text = JSON.stringify(data)
  if (DRAWN.get(root) === text) return
  DRAWN.set(root, text)
  const frame = root.querySelector(".frame") ?? root.appendChild(makeFrame())
  frame.setAttribute("aria-label", data.title)
  const table = document.createElement("table")
  table.style.setProperty("--runs", data.runs.length)
  table.append(makeHead(root, data), makeBody(data))
  frame.replaceChildren(table)
}

function makeFrame() {
  const frame = document.createElement("div")
  frame.className = "frame"
  frame.tabIndex = 0 // so that it can be scrolled by keys
  frame.setAttribute("role", "region")
  return frame
}

function makeHead(root, data) {
  const head = document.createElement("thead")
  const row = head.insertRow()
  row.append(cell("th", data.corner, { scope: "col" }))
  for (const run of data.runs) {
    const column = cell("th", "", { scope: "col" })
    column.append(runName(root, run))
    row.append(column)
  }
  return head
}

function makeBody(data) {
  const body = document.createElement("tbody")
  for (const { name, cells } of data.rows) {
    const row = body.insertRow()
    row.append(cell("th", name, { scope: "row" }))
    for (const { text, best } of cells) {
      const value = cell("td", text, {})
      if (best) value.append(mark())
      row.append(value)
    }
  }
  return body
}

function mark() {
  const best = document.createElement("span")
  best.className = "best"
  best.textContent = "best"
  return best
}

function cell(kind, text, attributes) {
  const made = document.createElement(kind)
  made.textContent = text
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}
