// The rows of a log in the page: at most some thousand, whatever the log's size. All text goes in as text.

export const MAX_ROWS = 3000

const BAR = /^(.*?)\b\d{1,3}%\|/

export class Rows {
  constructor(holder) {
    this.holder = holder
    this.wanted = "" // what is highlighted, in small letters
    this.current = null // the offset of the line that was jumped to
  }

  get first() { return this.holder.firstElementChild }
  get last() { return this.holder.lastElementChild }
  get count() { return this.holder.childElementCount }

  clear() { this.holder.replaceChildren() }

  append(lines) {
    const before = this.last
    this.holder.append(...lines.map((line) => this.make(line)))
    this.fold(before ?? this.first)
  }

  prepend(lines) {
    const after = this.first
    this.holder.prepend(...lines.map((line) => this.make(line)))
    this.fold(this.first, after)
  }

  /** Remove the lines that begin at the offset or after it. */
  dropFrom(offset) {
    while (this.last && this.last.start >= offset) this.last.remove()
    if (this.last) this.last.hidden = false
  }

  /** Remove what is too much at the top; the offset of the first line that is left, if any was removed. */
  pruneTop() {
    if (this.count <= MAX_ROWS) return null
    while (this.count > MAX_ROWS) this.first.remove()
    return this.first.start
  }

  /** Remove what is too much at the bottom; the offset of the first line that was removed, if any was. */
  pruneBottom() {
    let start = null
    while (this.count > MAX_ROWS) {
      start = this.last.start
      this.last.remove()
    }
    if (start !== null) this.last.hidden = false
    return start
  }

  find(start) {
    return [...this.holder.children].find((row) => row.start === start) ?? null
  }

  /** Mark the text in every line, and one line as that which was jumped to. */
  mark(wanted, current) {
    const isSame = this.wanted === wanted
    this.wanted = wanted
    this.current = current
    for (const row of this.holder.children) {
      if (!isSame) paint(row, wanted)
      this.tint(row)
    }
  }

  make([start, text, level]) {
    const row = document.createElement("div")
    row.className = "row"
    row.dataset.level = level
    row.start = start
    row.text = text
    row.bar = level === "bar" ? (BAR.exec(text)?.[1].trim() ?? null) : null
    paint(row, this.wanted)
    this.tint(row)
    return row
  }

  tint(row) {
    row.classList.toggle("current", row.start === this.current)
    if (row.start === this.current) row.hidden = false
  }

  /** Of bars that follow each other on lines of their own, only the last is shown. */
  fold(from, to = null) {
    for (let row = from; row && row !== to; row = row.nextElementSibling) {
      const next = row.nextElementSibling
      row.hidden = row.bar !== null && next?.bar === row.bar && row.start !== this.current
    }
  }
}

function paint(row, wanted) {
  const lower = row.text.toLowerCase()
  // A few letters change their length with their case; then the places would not fit.
  if (!wanted || lower.length !== row.text.length || !lower.includes(wanted)) {
    row.textContent = row.text
    return
  }
  const parts = []
  let at = 0
  for (let hit = lower.indexOf(wanted); hit >= 0; hit = lower.indexOf(wanted, at)) {
    const mark = document.createElement("mark")
    mark.textContent = row.text.slice(hit, hit + wanted.length)
    parts.push(row.text.slice(at, hit), mark)
    at = hit + wanted.length
  }
  row.replaceChildren(...parts, row.text.slice(at))
}
