// Asks the app for a word that changes with what is to be seen, and has the part of the page drawn anew.

// Scripts of one version belong together; the address of this one tells which it is.
const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const { askTogether, untilTick } = await load("./asking.js")

const SLOWEST_POLL_MS = 10_000
const watches = new WeakMap()

export default function (root, data, tell) {
  const watch = watches.get(root) ?? new Watch(root)
  watches.set(root, watch)
  watch.start(data, tell)
  return () => watch.stop()
}

class Watch {
  constructor(root) {
    this.root = root
    this.onVisible = () => this.poll()
  }

  /** With the word of what is drawn. */
  start(data, tell) {
    Object.assign(this, data, { tell, isStopped: false })
    document.addEventListener("visibilitychange", this.onVisible)
    this.wait()
  }

  stop() {
    this.isStopped = true
    clearTimeout(this.timer)
    document.removeEventListener("visibilitychange", this.onVisible)
  }

  wait() {
    clearTimeout(this.timer)
    const pace = document.hidden || this.isLost ? SLOWEST_POLL_MS : this.every_ms
    if (!this.isStopped) this.timer = setTimeout(() => this.poll(), untilTick(pace))
  }

  async poll() {
    if (this.isStopped || this.isPolling || !this.root.isConnected) return
    this.isPolling = true
    try {
      const revision = await askTogether(this.address)
      this.isLost = false
      if (!this.isStopped && revision !== this.revision) this.tell("moved", true)
    } catch {
      // Streamlit says itself that the app cannot be reached.
      this.isLost = true
    }
    this.isPolling = false
    this.wait()
  }
}
