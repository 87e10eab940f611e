// Sends a file in slices, each as the body of one request: the browser reads them from the disk one
// after the other, and a lost connection costs no more than the slice that was on its way.

const SLICE_BYTES = 16 * 1024 * 1024
const WAITS_S = [1, 2, 4, 8, 15]
const SPEED_OVER_S = 8

// Kept while one looks at another page: the upload goes on, and the box shows it again.
const uploads = (window.llmTrainerUploads ??= new Map())

class Failure extends Error {
  constructor(reason, status) {
    super(reason)
    this.status = status
  }
}

function request(upload, method, path, body, onSent) {
  return new Promise((resolve, reject) => {
    const xhr = (upload.xhr = new XMLHttpRequest()) // fetch does not tell how much was sent
    xhr.open(method, path)
    xhr.setRequestHeader(upload.data.header, upload.data.ticket)
    xhr.responseType = "json"
    xhr.upload.onprogress = (event) => onSent?.(event.loaded)
    xhr.onload = () => {
      const answer = xhr.response ?? {}
      if (xhr.status < 300) return resolve(answer)
      reject(new Failure(answer.reason ?? `The server answered ${xhr.status}.`, xhr.status))
    }
    xhr.onerror = () => reject(new Failure("The connection was lost.", 0))
    xhr.onabort = () => reject(new Failure("", -1))
    xhr.send(body)
  })
}

const address = (upload) => `${upload.data.path}/${upload.id}`

async function begin(upload) {
  const { name, size } = upload.file
  const answer = await request(
    upload, "POST", upload.data.path, JSON.stringify({ name, bytes: size }),
  )
  upload.id = answer.id
  return answer
}

function sendSlice(upload, offset) {
  const slice = upload.file.slice(offset, offset + SLICE_BYTES)
  return request(upload, "PUT", `${address(upload)}?offset=${offset}`, slice, (sent) => {
    note(upload, offset + Math.min(sent, slice.size))
  })
}

async function sendAll(upload) {
  let answer = await (upload.id ? request(upload, "GET", address(upload)) : begin(upload))
  while (!answer.done) {
    if (upload.state !== "sending") throw new Failure("", -1)
    note(upload, answer.offset)
    answer = await sendSlice(upload, answer.offset)
    upload.tries = 0
  }
}

async function run(upload) {
  upload.state = "sending"
  upload.trouble = ""
  upload.tries = 0
  draw(upload)
  while (upload.state === "sending") {
    try {
      await sendAll(upload)
      finish(upload)
    } catch (failure) {
      if (upload.state !== "sending") return
      await settle(upload, failure)
    }
  }
}

async function settle(upload, failure) {
  // 409: more or less has come than was thought, and the next try asks where to go on.
  const mayPass = [0, 409].includes(failure.status) || failure.status >= 500
  const isLost = mayPass && failure.status !== 507 && upload.tries < WAITS_S.length
  if (!isLost) {
    if (failure.status === 404) upload.id = "" // what had come is gone: from the beginning
    upload.isRefused = failure.status === 400 && !upload.id
    upload.state = "failed"
    upload.trouble = failure.message
    draw(upload)
    return
  }
  upload.trouble = "The connection was lost; trying again…"
  draw(upload)
  const wait = WAITS_S[upload.tries++]
  await new Promise((resolve) => {
    upload.wake = resolve
    setTimeout(resolve, wait * 1000)
  })
  upload.samples = []
}

function finish(upload) {
  upload.state = "done"
  upload.seen = upload.file.size
  tell(upload)
  draw(upload)
}

// The page may show something else just then; the next box of this key tells it.
function tell(upload) {
  if (upload.state !== "done" || !upload.emit) return
  upload.emit(upload.id)
  uploads.delete(upload.key)
}

function cancel(upload) {
  const id = upload.id
  upload.state = "cancelled"
  upload.xhr?.abort()
  upload.wake?.()
  uploads.delete(upload.key)
  if (id) request(upload, "DELETE", address(upload)).catch(() => {})
  draw(upload)
}

function note(upload, bytes) {
  const at = performance.now() / 1000
  upload.seen = bytes
  upload.trouble = ""
  upload.samples.push([at, bytes])
  while (upload.samples.length > 2 && at - upload.samples[0][0] > SPEED_OVER_S) {
    upload.samples.shift()
  }
  draw(upload)
}

function speed(samples) {
  if (samples.length < 2) return 0
  const [from, to] = [samples[0], samples[samples.length - 1]]
  const took = to[0] - from[0]
  return took > 0.5 ? Math.max(0, (to[1] - from[1]) / took) : 0
}

function bytesText(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"]
  let unit = 0
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000
    unit++
  }
  return `${bytes.toFixed(unit && bytes < 100 ? 1 : 0)} ${units[unit]}`
}

function timeText(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min left`
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min left`
}

function numbersText(upload) {
  const total = upload.file.size
  const parts = [`${bytesText(upload.seen)} of ${bytesText(total)}`]
  const perSecond = speed(upload.samples)
  if (upload.state === "sending" && upload.seen >= total && total) {
    parts.push("saving…")
  } else if (upload.state === "sending" && perSecond > 0 && !upload.trouble) {
    parts.push(`${bytesText(perSecond)}/s`, timeText((total - upload.seen) / perSecond))
  }
  return parts.join(" · ")
}

const STATUS = {
  sending: (upload) => `Uploading ${upload.file.name}`,
  failed: (upload) => `The upload stopped: ${upload.trouble}`,
  cancelled: () => "The upload was cancelled.",
  done: (upload) => `${upload.file.name} has arrived.`,
}

function draw(upload) {
  const { root } = upload
  if (!root) return
  const find = (selector) => root.querySelector(selector)
  const isShown = upload.state === "sending" || upload.state === "failed"
  find(".zone").hidden = isShown
  find(".sending").hidden = !isShown
  find(".name").textContent = upload.file.name
  find(".bar").value = upload.file.size ? upload.seen / upload.file.size : 0
  find(".numbers").textContent = numbersText(upload)
  find(".trouble").textContent = upload.trouble
  find(".trouble").hidden = !upload.trouble
  for (const selector of [".bar", ".numbers"]) find(selector).hidden = upload.isRefused
  find(".retry").hidden = upload.state !== "failed" || upload.isRefused
  find(".cancel").textContent = upload.isRefused ? "Back" : "Cancel"
  const status = STATUS[upload.state](upload)
  // Said aloud at every change, so only what changed is written.
  if (find(".status").textContent !== status) find(".status").textContent = status
}

function start(file, box) {
  if (uploads.has(box.data.key)) return
  const upload = {
    key: box.data.key, data: box.data, root: box.root, emit: box.emit, file,
    id: "", state: "sending", seen: 0, samples: [], tries: 0, trouble: "", isRefused: false,
    xhr: null, wake: null,
  }
  uploads.set(upload.key, upload)
  run(upload)
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".box")
  const emit = (id) => setTriggerValue("arrived", id)
  const box = { data, root, emit }
  const find = (selector) => root.querySelector(selector)
  const zone = find(".zone")
  const input = find(".input")
  const running = () => uploads.get(data.key)

  zone.querySelector(".note").textContent = data.note
  input.accept = data.accept
  find(".choose").onclick = () => input.click()
  input.onchange = () => {
    if (input.files.length) start(input.files[0], box)
    input.value = "" // so that the same file can be chosen again
  }
  zone.ondragover = (event) => {
    event.preventDefault()
    zone.classList.add("over")
  }
  zone.ondragleave = () => zone.classList.remove("over")
  zone.ondrop = (event) => {
    event.preventDefault()
    zone.classList.remove("over")
    if (event.dataTransfer.files.length) start(event.dataTransfer.files[0], box)
  }
  find(".retry").onclick = () => running() && run(running())
  find(".cancel").onclick = () => {
    if (running()) cancel(running())
    find(".choose").focus()
  }

  const upload = running()
  if (upload) {
    // The page was drawn anew, or the app restarted with another ticket.
    Object.assign(upload, box)
    draw(upload)
    tell(upload)
  }
  return () => {
    const left = running()
    if (left?.root === root) Object.assign(left, { root: null, emit: null })
  }
}
