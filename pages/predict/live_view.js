// The camera of this browser. The newest picture goes to the server as soon as the last one is answered, so nothing piles up;
// what comes back is drawn over the picture as it is by then.
const SVG = "http://www.w3.org/2000/svg"
const SIDE = 640 // px, longer side of what is sent
const QUALITY = 0.85
const PAUSE = 1000 / 15 // ms from one picture to the next, at least
const PATIENCE = 15000 // ms without an answer after which the server counts as out of reach
const GIVE_UP = 4 // failures in a row
const LATE = 250 // ms of waiting for an answer from which on the picture that was read is shown, so that boxes lie on faces
const TRAIL = 5 // s that the way over the plane goes back
const SHOWN = 6 // faces that are named
const QUIET = 2000 // ms between words that are read aloud

const rest = (time) => new Promise((done) => setTimeout(done, time))
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`

function draw(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  if (text) made.textContent = text
  return made
}

function make(name, kind = "", text = "") {
  const made = document.createElement(name)
  if (kind) made.className = kind
  made.textContent = text
  return made
}

class Live {
  constructor(root) {
    this.root = root
    this.canvas = document.createElement("canvas")
    this.late = false
    this.find = (selector) => root.querySelector(selector)
    this.video = this.find("video")
    this.find("[data-do=start]").onclick = () => this.start()
    this.find("[data-do=stop]").onclick = () => this.stop()
    this.find("select").onchange = (event) => this.start(event.target.value)
    this.forget()
  }

  take(data, say) {
    this.data = data
    this.say = say
  }

  forget() {
    this.trails = new Map()
    this.said = ""
    this.spoke = 0
    for (const place of [".boxes", ".bars", ".faces", ".plane"]) this.find(place).replaceChildren()
    this.find(".aloud").textContent = ""
    this.find("canvas").hidden = true
    this.state("")
  }

  state(words) {
    this.find(".state").textContent = words
  }

  async start(device) {
    if (!navigator.mediaDevices?.getUserMedia) return this.fail("insecure")
    this.release()
    const start = this.find("[data-do=start]")
    start.disabled = true
    this.state("Waiting for the camera …")
    const chosen = device ? { deviceId: { exact: device } } : { facingMode: "user" }
    const video = { width: { ideal: SIDE }, height: { ideal: 480 }, ...chosen }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: false, video })
    } catch (error) {
      const reasons = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "none", OverconstrainedError: "none" }
      return this.fail(reasons[error.name] ?? "busy")
    } finally {
      start.disabled = false
    }
    this.forget()
    this.state("Connecting …")
    const [track] = this.stream.getVideoTracks()
    track.onended = () => this.stop()
    this.mirrored = track.getSettings().facingMode !== "environment"
    for (const shown of [this.video, this.find("canvas")]) shown.classList.toggle("mirrored", this.mirrored)
    this.video.srcObject = this.stream
    this.root.querySelector(".live").classList.add("on")
    start.hidden = true
    this.find("[data-do=stop]").hidden = false
    await this.video.play().catch(() => {})
    this.choices(track)
    this.say.setStateValue("running", true)
    this.run(this.stream)
  }

  async choices(track) {
    const found = (await navigator.mediaDevices.enumerateDevices()).filter((each) => each.kind === "videoinput")
    const select = this.find("select")
    select.hidden = found.length < 2
    select.replaceChildren(...found.map((each, number) => {
      const option = make("option", "", each.label || `Camera ${number + 1}`)
      option.value = each.deviceId
      option.selected = each.deviceId === track.getSettings().deviceId
      return option
    }))
  }

  // Streamlit hears of it only when it is over: a click must not wait for the page.
  stop() {
    if (!this.stream) return
    this.release()
    this.say.setStateValue("running", false)
  }

  release() {
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null
      track.stop()
    }
    this.stream = null
    this.video.srcObject = null
    this.find(".live").classList.remove("on")
    this.find("[data-do=start]").hidden = false
    this.find("[data-do=stop]").hidden = true
    this.find("select").hidden = true
    this.forget()
  }

  fail(reason) {
    const ran = Boolean(this.stream)
    this.release()
    if (ran) this.say.setStateValue("running", false)
    this.say.setTriggerValue("failed", reason)
  }

  async run(stream) {
    let failures = 0
    let since = performance.now()
    while (this.stream === stream) {
      const began = performance.now()
      const outcome = this.data.url && this.video.readyState >= 2 ? await this.ask(stream) : "waiting"
      if (this.stream !== stream) return
      if (outcome === "read") {
        failures = 0
        since = performance.now()
      } else if (outcome === "failed") failures += 1
      if (failures >= GIVE_UP || performance.now() - since > PATIENCE) return this.fail("server")
      await rest(outcome === "failed" ? 500 : outcome === "busy" ? 1000 : Math.max(0, PAUSE - (performance.now() - began)))
    }
  }

  async ask(stream) {
    const { videoWidth, videoHeight } = this.video
    const scale = Math.min(1, SIDE / Math.max(videoWidth, videoHeight))
    this.canvas.width = Math.max(1, Math.round(videoWidth * scale))
    this.canvas.height = Math.max(1, Math.round(videoHeight * scale))
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height)
    const body = await new Promise((done) => this.canvas.toBlob(done, "image/jpeg", QUALITY))
    const began = performance.now()
    try {
      const headers = { "Content-Type": "image/jpeg" }
      const answer = await fetch(this.data.url, { method: "POST", body, headers, signal: AbortSignal.timeout(PATIENCE) })
      if (answer.status === 429) return "busy"
      if (!answer.ok) return "failed"
      const read = await answer.json()
      if (this.stream === stream) this.show(read, performance.now() - began)
      return "read"
    } catch {
      return "failed"
    }
  }

  show(read, took) {
    this.find(".picture").style.aspectRatio = `${read.width} / ${read.height}`
    this.freeze(took)
    this.boxes(read)
    this.plane(read)
    this.bars(read.faces[0])
    this.words(read.faces)
    const rate = read.rate ? `${read.rate.toFixed(read.rate < 10 ? 1 : 0)} pictures a second, each` : "A picture"
    this.state(`${rate} answered after ${Math.round(took)} ms`)
  }

  freeze(took) {
    this.late = took > (this.late ? LATE / 2 : LATE)
    const frozen = this.find("canvas")
    frozen.hidden = !this.late
    if (!this.late) return
    frozen.width = this.canvas.width
    frozen.height = this.canvas.height
    frozen.getContext("2d").drawImage(this.canvas, 0, 0)
  }

  colour(face) {
    return this.data.colours[face.expression ?? ""]
  }

  verdict(face) {
    if (!face.expression) return "found"
    const said = `${face.expression} ${face.probabilities[face.expression].toFixed(2)}`
    return face.stands === false ? `unsure: ${said}` : said
  }

  boxes({ width, height, faces }) {
    const size = (15 * width) / Math.max(1, this.find(".picture").clientWidth) // 15 px of the screen
    const under = draw("g", this.mirrored ? { transform: `translate(${width} 0) scale(-1 1)` } : {})
    const over = draw("g", {})
    for (const face of faces) {
      const [left, top, wide, high] = face.box
      if (face.heat) under.append(draw("image", { href: face.heat.src, x: face.heat.left, y: face.heat.top, width: face.heat.side, height: face.heat.side, opacity: 0.5, preserveAspectRatio: "none" }))
      under.append(draw("rect", { x: left, y: top, width: wide, height: high, rx: 4, stroke: this.colour(face), "stroke-width": width / 200, fill: "none" }))
      const x = this.mirrored ? width - left - wide : left
      over.append(draw("text", { x: Math.max(2, x), y: top > size * 1.4 ? top - size * 0.4 : top + high + size, "font-size": size }, `${face.track}: ${this.verdict(face)}`))
    }
    const boxes = this.find(".boxes")
    boxes.setAttribute("viewBox", `0 0 ${width} ${height}`)
    boxes.replaceChildren(under, over)
  }

  // The way of each face over the plane, the oldest part the faintest.
  plane({ time, faces }) {
    for (const face of faces) {
      if (face.valence === null || face.arousal === null) continue
      if (!this.trails.has(face.track)) this.trails.set(face.track, [])
      this.trails.get(face.track).push({ time, x: face.valence, y: -face.arousal, colour: this.colour(face) })
    }
    const parts = []
    for (const [track, points] of this.trails) {
      while (points.length && time - points[0].time > TRAIL) points.shift()
      if (!points.length) this.trails.delete(track)
      for (let at = 1; at < points.length; at += 1) {
        const [one, other] = [points[at - 1], points[at]]
        const opacity = 1 - (time - other.time) / TRAIL
        parts.push(draw("line", { x1: one.x, y1: one.y, x2: other.x, y2: other.y, stroke: other.colour, opacity, class: "trail" }))
      }
      const last = points.at(-1)
      if (!last || last.time !== time) continue
      parts.push(draw("circle", { cx: last.x, cy: last.y, r: 0.06, fill: last.colour, class: "now" }))
      parts.push(draw("text", { x: last.x, y: last.y - 0.1, "text-anchor": "middle" }, track))
    }
    const words = [[1.14, -0.04, "pleasant", "end"], [-1.14, -0.04, "unpleasant", "start"], [0.04, -1.06, "active", "start"], [0.04, 1.14, "calm", "start"]]
    const plane = this.find(".plane")
    plane.setAttribute("aria-label", "Valence and arousal of each face over the last five seconds")
    plane.replaceChildren(
      draw("circle", { r: 1, class: "rim" }),
      draw("path", { d: "M-1.14 0H1.14M0 -1.14V1.14", class: "axes" }),
      ...words.map(([x, y, text, anchor]) => draw("text", { x, y, "text-anchor": anchor, class: "axis" }, text)),
      ...parts,
    )
  }

  bars(face) {
    const names = Object.keys(face?.probabilities ?? {})
    this.find(".bars").replaceChildren(...names.map((name) => {
      const row = make("div", "bar")
      const track = make("span", "track")
      const bar = make("i")
      bar.style.width = `${100 * face.probabilities[name]}%`
      bar.style.background = this.data.colours[name]
      track.append(bar)
      row.append(make("span", "", name), track, make("span", "number", face.probabilities[name].toFixed(2)))
      return row
    }))
  }

  words(faces) {
    const lines = faces.slice(0, SHOWN).map((face) => {
      const affect = face.valence === null || face.arousal === null ? [] : [`valence ${signed(face.valence)}`, `arousal ${signed(face.arousal)}`]
      return [`Face ${face.track}: ${this.verdict(face)}`, ...affect].join(", ")
    })
    if (faces.length > SHOWN) lines.push(`and ${faces.length - SHOWN} more`)
    this.find(".faces").replaceChildren(...(lines.length ? lines : ["No face in the picture."]).map((line) => make("span", "", line)))
    const brief = faces.slice(0, SHOWN).map((face) => `Face ${face.track}: ${face.expression ?? "found"}`).join(". ") || "No face"
    const now = performance.now()
    if (brief === this.said || now - this.spoke < QUIET) return
    this.said = brief
    this.spoke = now
    this.find(".aloud").textContent = brief
  }
}

const CAMERAS = new WeakMap()

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  if (!CAMERAS.has(parentElement)) CAMERAS.set(parentElement, new Live(parentElement))
  const live = CAMERAS.get(parentElement)
  live.take(data, { setStateValue, setTriggerValue })
  // Called at every drawing, too; the camera goes off only when its place is gone from the page.
  return () => setTimeout(() => { if (!parentElement.isConnected) live.release() }, 300)
}
