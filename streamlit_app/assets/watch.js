// Asks the app for a word that changes with what is to be seen, and has the part of the page drawn anew.

// Scripts of one version belong together; the address of this one tells which it is.
const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const { Repeated } = await load("./asking.js")

const watches = new WeakMap()

export default function (root, data, tell) {
  const watch = watches.get(root) ?? new Watch(root)
  watches.set(root, watch)
  watch.start(data, tell)
  return () => watch.asking.stop()
}

class Watch {
  constructor(root) {
    // Where the app is not reached, Streamlit says so itself.
    this.asking = new Repeated(root, (revision) => this.take(revision))
  }

  /** With the word of what is drawn. */
  start({ address, revision, every_ms }, tell) {
    Object.assign(this, { revision, tell })
    this.asking.start(address, every_ms)
  }

  take(revision) {
    if (!this.asking.isStopped && revision !== this.revision) this.tell("moved", true)
  }
}
