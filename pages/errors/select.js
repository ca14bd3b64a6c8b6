// Many pictures, one verdict: a click selects, Shift selects up to there, dragging draws a box. All of it happens here; the server
// hears of the verdict alone.
const NOWHERE = "input, textarea, select, [contenteditable], [role=slider], [role=combobox]"
const FAR = 5 // px that a pointer moves before it draws a box

class Select {
  constructor(root) {
    this.root = root
    this.chosen = new Set()
    this.find = (selector) => root.querySelector(selector)
    this.grid = this.find(".grid")
    this.box = this.find(".box")
    this.onKey = (event) => this.key(event)
    this.grid.onpointerdown = (event) => this.begin(event)
    this.grid.onpointermove = (event) => this.move(event)
    this.grid.onpointerup = (event) => this.end(event)
    this.grid.onpointercancel = () => this.stop()
    this.grid.ondblclick = (event) => {
      const id = event.target.closest("[data-id]")?.dataset.id
      if (id) this.send("open", id)
    }
    this.find("[data-do=all]").onclick = () => this.choose(this.data.items.map((item) => item.id))
    this.find("[data-do=none]").onclick = () => this.choose([])
    this.find("[data-do=save]").onclick = () => this.save()
    this.find("[data-do=undo]").onclick = () => this.send("undo", this.data.undo)
  }

  take(data, send) {
    this.send = send
    if (data.serial === this.data?.serial) return
    const kept = this.data && data.undo !== this.data.undo && !data.error
    this.data = data
    const known = new Set(data.items.map((item) => item.id))
    this.chosen = new Set(kept ? [] : [...this.chosen].filter((id) => known.has(id)))
    if (kept) this.verdict = this.right = null
    this.find(".name").value ||= data.reviewer
    this.grid.replaceChildren(...data.items.map((item) => this.face(item)), this.box)
    this.find(".verdicts").replaceChildren(...data.verdicts.map((name, number) => this.pill(name, number + 1, () => {
      this.verdict = this.verdict === name ? null : name
      this.draw()
    })))
    this.find(".rights").replaceChildren(make("span", "Which is right for all of them?"), ...data.expressions.map((name) => this.pill(name, "", () => {
      this.right = name
      this.draw()
    })))
    this.tell(data.error || data.words, Boolean(data.error))
    this.draw()
  }

  face(item) {
    const face = make("figure", "", { "data-id": item.id, role: "option", tabindex: 0, title: `${item.short}, double click opens it` })
    face.append(make("img", "", { src: item.src ?? "", alt: item.short, draggable: false }))
    const words = make("figcaption")
    words.append(...item.lines.map(([text, tone]) => make("span", text, { class: tone })))
    face.append(words)
    return face
  }

  pill(name, key, act) {
    const pill = make("button", name, { type: "button", role: "radio", "data-name": name })
    if (key) pill.append(make("kbd", key, { "aria-hidden": true }))
    pill.onclick = () => {
      pill.blur()
      act()
    }
    return pill
  }

  choose(ids) {
    this.chosen = new Set(ids)
    this.draw()
  }

  click(id, shift) {
    const ids = this.data.items.map((item) => item.id)
    const [from, to] = [ids.indexOf(this.last), ids.indexOf(id)].sort((a, b) => a - b)
    if (shift && from >= 0) ids.slice(from, to + 1).forEach((each) => this.chosen.add(each))
    else if (this.chosen.has(id)) this.chosen.delete(id)
    else this.chosen.add(id)
    this.last = id
    this.draw()
  }

  begin(event) {
    if (event.button !== 0 || event.pointerType === "touch") return
    this.start = { x: event.clientX, y: event.clientY, before: event.shiftKey || event.ctrlKey || event.metaKey ? [...this.chosen] : [] }
  }

  move(event) {
    if (!this.start) return
    const { x, y, before } = this.start
    if (!this.start.drawn && Math.hypot(event.clientX - x, event.clientY - y) < FAR) return
    if (!this.start.drawn) this.grid.setPointerCapture(event.pointerId)
    this.start.drawn = true
    const [left, right] = [x, event.clientX].sort((a, b) => a - b)
    const [top, bottom] = [y, event.clientY].sort((a, b) => a - b)
    const place = this.grid.getBoundingClientRect()
    Object.assign(this.box.style, { left: `${left - place.left}px`, top: `${top - place.top}px`, width: `${right - left}px`, height: `${bottom - top}px` })
    this.box.hidden = false
    const inside = [...this.grid.querySelectorAll("[data-id]")].filter((face) => {
      const own = face.getBoundingClientRect()
      return own.left < right && own.right > left && own.top < bottom && own.bottom > top
    })
    this.choose([...before, ...inside.map((face) => face.dataset.id)])
  }

  end(event) {
    const drawn = this.start?.drawn
    this.stop()
    const id = event.target.closest("[data-id]")?.dataset.id
    if (!drawn && id) this.click(id, event.shiftKey)
  }

  stop() {
    this.start = null
    this.box.hidden = true
  }

  save() {
    const reviewer = this.find(".name").value.trim()
    const missing = !this.chosen.size ? "Select pictures first." : !this.verdict ? "Press 1 to 5 to say what they are."
      : this.verdict === WRONG && !this.right ? "Which expression is right for all of them?" : !reviewer ? "Type your name first." : ""
    if (missing) {
      this.tell(missing, false)
      return
    }
    this.tell("saving …", false)
    const images = [...this.chosen]
    this.send("say", { images, verdict: this.verdict, expression: this.verdict === WRONG ? this.right : null, reviewer })
  }

  key(event) {
    // An open image has keys of its own.
    if (event.ctrlKey || event.metaKey || event.altKey || !this.data || document.querySelector("[role=dialog]")) return
    const target = event.composedPath()[0]
    if (target instanceof Element && target.matches(NOWHERE)) return
    const verdict = this.data.verdicts[Number(event.key) - 1]
    const face = target instanceof Element ? target.closest("[data-id]") : null
    const within = this.chosen.size > 0 || Boolean(face)
    const act = {
      Enter: face && (() => this.click(face.dataset.id, event.shiftKey)),
      " ": within && (() => (face && !this.chosen.size ? this.click(face.dataset.id, false) : this.save())),
      Escape: this.chosen.size > 0 && (() => this.choose([])),
    }[event.key] || (verdict && this.chosen.size && (() => {
      this.verdict = verdict
      this.draw()
    }))
    if (!act) return
    event.stopImmediatePropagation()
    event.preventDefault()
    act()
  }

  tell(words, bad) {
    this.find(".words").textContent = words ?? ""
    this.find(".words").classList.toggle("bad", bad)
  }

  draw() {
    for (const face of this.grid.querySelectorAll("[data-id]")) face.setAttribute("aria-selected", this.chosen.has(face.dataset.id))
    for (const pill of this.root.querySelectorAll(".verdicts button")) pill.setAttribute("aria-checked", pill.dataset.name === this.verdict)
    for (const pill of this.root.querySelectorAll(".rights button")) pill.setAttribute("aria-checked", pill.dataset.name === this.right)
    this.find(".rights").hidden = this.verdict !== WRONG
    this.find(".count").textContent = `${this.chosen.size} of ${this.data.items.length} selected`
    this.find("[data-do=undo]").hidden = !this.data.undo
  }
}

const PAGES = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  if (!PAGES.has(parentElement)) PAGES.set(parentElement, new Select(parentElement))
  const page = PAGES.get(parentElement)
  window.addEventListener("keydown", page.onKey, true)
  page.take(data, setTriggerValue)
  return () => window.removeEventListener("keydown", page.onKey, true)
}
