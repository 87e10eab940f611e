// A search through a whole log, in slices: what was found so far, and which of it is looked at.

const PART = 1000

export class Search {
  /** `ask(params)` searches a slice; `changed()` tells that there is news; `go(start)` shows a line. */
  constructor(ask, changed, go) {
    Object.assign(this, { ask, changed, go })
    this.clear()
  }

  clear() {
    this.turn = (this.turn ?? 0) + 1
    Object.assign(this, {
      what: null, hits: [], next: 0, index: -1, done: true, limit: PART, running: false, part: 0,
    })
  }

  /** Search from an offset on for `{text}` or `{troubles: 1}`. */
  async begin(what, floor, ceiling) {
    this.clear()
    Object.assign(this, { what, next: floor, floor, ceiling, done: false })
    await this.run()
  }

  /** There is more of the log now. */
  async goOn() {
    if (!this.what || this.running || this.hits.length >= this.limit) return
    this.done = false
    await this.run()
  }

  async run() {
    const turn = this.turn
    this.running = true
    try {
      while (!this.done && this.hits.length < this.limit) {
        const bounds = this.ceiling === null ? {} : { ceiling: this.ceiling }
        const answer = await this.ask({ ...this.what, from: this.next, ...bounds })
        if (turn !== this.turn) return
        this.take(answer)
      }
    } finally {
      if (turn === this.turn) {
        this.running = false
        this.changed()
      }
    }
  }

  take(answer) {
    const last = this.hits.at(-1) ?? -1
    this.hits.push(...answer.hits.filter((start) => start > last))
    this.next = answer.next
    this.done = answer.done
    const end = this.ceiling ?? answer.size
    this.part = end > this.floor ? (this.next - this.floor) / (end - this.floor) : 1
    if (this.index < 0 && this.hits.length) this.show(0)
    this.changed()
  }

  /** Show the next hit, or with -1 the one before; after the last comes the first. */
  async step(by) {
    if (!this.hits.length) return
    if (by > 0 && this.index === this.hits.length - 1 && !this.done && !this.running) {
      this.limit += PART
      await this.run()
    }
    const count = this.hits.length
    this.show((this.index + by + count) % count)
    this.changed()
  }

  show(index) {
    this.index = index
    this.go(this.hits[index])
  }

  get words() {
    if (!this.what) return ""
    const count = this.hits.length
    const number = (value) => value.toLocaleString("en")
    const more = this.done ? "" : this.running ? `, ${Math.floor(100 * this.part)} % searched` : ", more beyond"
    if (!count) return this.done ? "Not found" : `Searching${more}`
    const place = this.index < 0 ? "" : `${number(this.index + 1)} of `
    return `${place}${number(count)} ${count === 1 ? "line" : "lines"}${more}`
  }
}
