// Pictures judged one after another. What is seen and what comes next is held here, so that a key answers at once;
// the server hears of verdicts, and sends pictures, behind it.
const BACK = 2 // pictures kept ready behind
const AHEAD = 14 // and ahead
const AT_ONCE = 8 // asked for together
const REST = 700 // ms without a key after which the address follows
const PATIENCE = 20000 // ms after which a question is asked again
const NOWHERE = "input, textarea, select, [contenteditable], [role=slider], [role=combobox], [role=listbox], [role=option]"
const LETTERS = { n: "neutral", h: "happiness", s: "sadness", p: "surprise", f: "fear", d: "disgust", a: "anger", c: "contempt" }
const HELP = [
  ["← →", "previous, next picture"],
  ["1 … 5", "wrong label, ambiguous, not a face, bad crop, fine"],
  [Object.keys(LETTERS).join(" "), "which expression is right, after 1"],
  ["Space", "save and go on"],
  ["u", "undo: take the last verdict back"],
  ["m", "heat map: off, predicted, true"],
  ["?", "these words"],
]

class Desk {
  constructor(root) {
    this.root = root
    this.id = Math.random().toString(36).slice(2)
    this.number = 0
    this.items = new Map() // by position
    this.drafts = new Map() // what is chosen and not saved, by id
    this.mine = new Map() // what was saved here, by id
    this.outbox = [] // said, and not yet sent
    this.held = [] // could not be kept
    this.done = [] // saved here, in order
    this.sent = null // the question that waits for its answer
    this.find = (selector) => root.querySelector(selector)
    this.onKey = (event) => this.key(event)
    this.find("[data-do=back]").onclick = () => this.go(this.at - 1)
    this.find("[data-do=next]").onclick = () => this.go(this.at + 1)
    this.find("[data-do=save]").onclick = () => this.save()
    this.find("[data-do=undo]").onclick = () => this.undo()
    this.find("[data-do=help]").onclick = () => this.help()
    this.find("[data-do=again]").onclick = () => this.again()
    this.find("select").onchange = (event) => {
      event.target.blur()
      this.show(event.target.value)
    }
    this.find(".note").oninput = (event) => { this.draft().note = event.target.value }
    this.find(".name").oninput = (event) => { this.name = event.target.value }
    this.find(".help").append(...HELP.flatMap(([keys, words]) => [make("dt", keys), make("dd", words)]))
  }

  // What the server has drawn: pictures that were asked for, and its answer to what was said.
  take(data, send) {
    this.send = send
    if (data.serial === this.serial) return
    this.serial = data.serial
    const first = this.data === undefined
    this.data = data
    if (data.list !== this.list) {
      this.list = data.list
      this.items.clear()
    }
    if (data.opening !== this.opening) {
      this.opening = data.opening
      this.at = data.at
    }
    this.total = data.total
    if (first) {
      this.heat = data.heat
      this.name = data.reviewer
      this.find(".name").value = data.reviewer
      this.choices()
      this.restore()
    }
    for (const [at, item] of Object.entries(data.items)) {
      this.items.set(Number(at), item)
      // Decoded before it is seen.
      for (const src of [item.src, ...item.heats.map((each) => each.src)]) if (src) Object.assign(new Image(), { src }).decode().catch(() => {})
    }
    this.hear(data.answer)
    this.draw()
    this.plan()
  }

  hear(answer) {
    if (!answer || !this.sent || answer.desk !== this.id || answer.number !== this.sent.number) return
    for (const said of this.sent.said) if (answer.failed.includes(said.key)) this.held.push(said)
    for (const item of this.items.values()) if (answer.said[item.id]) item.said = answer.said[item.id]
    if (answer.reviewer) this.name = answer.reviewer
    this.error = answer.error
    this.sent = null
    this.keep()
  }

  // Ask for what is missing, say what was said; one question at a time.
  plan() {
    clearTimeout(this.resting)
    if (this.sent) return
    const need = this.missing()
    const growing = this.data.growing && this.at + 4 >= this.total && this.grown !== this.total
    if (this.outbox.length || growing || need.some((at) => at <= this.at + AHEAD / 2)) this.ask(need)
    else if (this.at !== this.told) this.resting = setTimeout(() => this.ask(this.missing()), REST)
  }

  ask(need) {
    if (this.sent) return
    this.grown = this.total
    this.told = this.at
    const said = this.outbox.splice(0)
    const question = {
      desk: this.id, number: ++this.number, at: this.at, need: need.slice(0, AT_ONCE), heat: this.heat, reviewer: this.name, said,
    }
    this.sent = { number: question.number, said }
    const put = () => {
      if (this.sent?.number !== question.number) return
      this.send("ask", question)
      this.waiting = setTimeout(put, PATIENCE)
    }
    put()
    this.status()
  }

  missing() {
    const near = [this.at]
    for (let step = 1; step <= AHEAD; step += 1) near.push(this.at + step, ...(step <= BACK ? [this.at - step] : []))
    return near.filter((at) => at >= 0 && at < this.total && this.items.get(at)?.heat !== this.heat)
  }

  go(at) {
    if (at < 0 || at >= this.total) {
      this.words = at < 0 ? "This is the first picture." : this.data.growing ? "Looking for more …" : this.data.end
      this.status()
      return
    }
    this.at = at
    this.words = ""
    this.draw()
    this.plan()
  }

  show(heat) {
    this.heat = heat
    this.find("select").value = heat
    this.draw()
    this.plan()
  }

  item() { return this.items.get(this.at) }

  draft() {
    const id = this.item()?.id ?? ""
    if (!this.drafts.has(id)) this.drafts.set(id, { verdict: null, expression: null, note: "", ...this.mine.get(id) })
    return this.drafts.get(id)
  }

  choose(verdict) {
    const item = this.item()
    if (!item) return
    const draft = this.draft()
    draft.verdict = draft.verdict === verdict ? null : verdict
    draft.expression = draft.verdict === WRONG ? draft.expression ?? item.prefer : null
    this.words = ""
    this.draw()
  }

  right(expression) {
    if (expression === this.item()?.true) return
    this.draft().expression = expression
    this.draw()
  }

  save() {
    const item = this.item()
    if (!item) return
    const { verdict, expression, note } = this.draft()
    const before = this.mine.get(item.id)
    if (!verdict) {
      if (before) this.go(this.at + 1)
      else this.tell("Press 1 to 5 to say what you see; → goes on without a word.")
      return
    }
    if (verdict === WRONG && !expression) {
      this.tell("Which expression is right? Press its letter.")
      return
    }
    if (!this.name.trim()) {
      this.find(".name").focus()
      this.tell("Type your name first: it stands beside what you say.")
      return
    }
    if (!before || before.verdict !== verdict || before.expression !== expression || before.note !== note) {
      const said = { key: `${this.id}-${this.done.length}-${Date.now()}`, image: item.id, verdict, expression, note, undo: null }
      this.mine.set(item.id, { verdict, expression, note })
      this.done.push({ ...said, at: this.at, list: this.list, before })
      this.outbox.push(said)
      this.keep()
    }
    this.words = ""
    if (this.at + 1 < this.total) this.go(this.at + 1)
    else {
      this.draw()
      this.plan()
      this.go(this.at + 1)
    }
  }

  undo() {
    const last = this.done.pop()
    if (!last) {
      this.tell("There is nothing to undo.")
      return
    }
    if (last.before) this.mine.set(last.image, last.before)
    else this.mine.delete(last.image)
    this.drafts.set(last.image, { verdict: last.verdict, expression: last.expression, note: last.note })
    const open = [this.outbox, this.held].find((list) => list.some((said) => said.key === last.key))
    if (open) open.splice(open.findIndex((said) => said.key === last.key), 1)
    else this.outbox.push({ key: `${last.key}-undo`, image: last.image, verdict: null, expression: null, note: "", undo: last.key })
    this.keep()
    if (last.list === this.list) this.at = last.at
    this.words = "Taken back."
    this.draw()
    this.plan()
  }

  withdraw(image, undo) {
    this.mine.delete(image)
    this.drafts.delete(image)
    this.outbox.push({ key: `${this.id}-w${Date.now()}`, image, verdict: null, expression: null, note: "", undo })
    this.plan()
  }

  again() {
    this.outbox.push(...this.held.splice(0))
    this.error = null
    this.plan()
  }

  // What is not yet kept outlives a reload.
  keep() {
    const open = [...this.held, ...(this.sent?.said ?? []), ...this.outbox]
    try { sessionStorage.setItem(`emotion-desk-${this.data.dataset}`, JSON.stringify({ open, name: this.name })) } catch { /* no storage */ }
  }

  restore() {
    try {
      const left = JSON.parse(sessionStorage.getItem(`emotion-desk-${this.data.dataset}`) ?? "{}")
      this.outbox.push(...(left.open ?? []).filter((said) => said.verdict))
      if (!this.name && left.name) this.name = this.find(".name").value = left.name
    } catch { /* no storage */ }
  }

  help() {
    const shown = this.find(".help")
    shown.hidden = !shown.hidden
  }

  tell(words) {
    this.words = words
    this.status()
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.data) return
    const target = event.composedPath()[0]
    if (target instanceof Element && target.matches(NOWHERE)) {
      if (this.root.contains(target) && (event.key === "Escape" || event.key === "Enter")) {
        event.stopImmediatePropagation()
        event.preventDefault()
        target.blur()
      }
      return
    }
    const letter = LETTERS[event.key]
    const acts = {
      ArrowLeft: () => this.go(this.at - 1), ArrowRight: () => this.go(this.at + 1),
      " ": () => this.save(), u: () => this.undo(), "?": () => this.help(),
      m: () => this.show({ off: "predicted expression", "predicted expression": "true expression" }[this.heat] ?? "off"),
    }
    const verdict = this.data.verdicts[Number(event.key) - 1]
    const act = verdict ? () => this.choose(verdict) : letter && this.draft().verdict === WRONG ? () => this.right(letter) : acts[event.key]
    if (!act) return
    event.stopImmediatePropagation()
    event.preventDefault()
    act()
  }

  choices() {
    const select = this.find("select")
    select.replaceChildren(...this.data.heats.map((name) => make("option", name, { value: name })))
    select.value = this.heat
    select.closest("label").hidden = this.data.heats.length < 2
    this.find(".verdicts").replaceChildren(...this.data.verdicts.map((name, number) => this.pill(name, number + 1, () => this.choose(name))))
    const letters = Object.entries(LETTERS)
    this.find(".rights").replaceChildren(make("span", "Which is right?"), ...letters.map(([letter, name]) => this.pill(name, letter, () => this.right(name))))
  }

  pill(name, key, act) {
    const pill = make("button", name, { type: "button", role: "radio", "aria-checked": false, "data-name": name })
    pill.append(make("kbd", key, { "aria-hidden": true }))
    pill.onclick = () => {
      pill.blur()
      act()
    }
    return pill
  }

  draw() {
    const item = this.item()
    this.find(".desk").classList.toggle("waits", !item)
    this.find("[data-do=back]").disabled = this.at <= 0
    this.find("[data-do=next]").disabled = this.at + 1 >= this.total && !this.data.growing
    this.find(".where").textContent = `${(this.at + 1).toLocaleString("en")} of ${this.data.of}${item ? ` · ${item.short}` : ""}`
    this.status()
    if (!item) return
    this.find(".title").replaceChildren(...item.title.map(([text, tone]) => make("span", text, { class: tone })))
    const pictures = [{ src: item.src, words: "", alt: item.alt }, ...(item.heat === this.heat ? item.heats : [])]
    this.find(".pictures").replaceChildren(...pictures.map((each) => this.picture(each)))
    this.find(".bars").replaceChildren(...this.bars(item))
    this.find(".facts").replaceChildren(...item.facts.map((fact) => make("p", fact)))
    const draft = this.draft()
    for (const pill of this.root.querySelectorAll(".verdicts button")) pill.setAttribute("aria-checked", pill.dataset.name === draft.verdict)
    this.find(".rights").hidden = draft.verdict !== WRONG
    for (const pill of this.root.querySelectorAll(".rights button")) {
      pill.setAttribute("aria-checked", pill.dataset.name === draft.expression)
      pill.disabled = pill.dataset.name === item.true
    }
    if (this.find(".note").value !== draft.note) this.find(".note").value = draft.note
    this.find(".said").replaceChildren(...item.said.flatMap((line) => this.line(item, line)))
  }

  picture({ src, words, alt }) {
    const figure = make("figure")
    if (src) figure.append(make("img", "", { src, alt }))
    if (words) figure.append(make("figcaption", words))
    return figure
  }

  bars(item) {
    const rows = []
    item.runs.forEach((run, number) => {
      if (item.runs.length > 1) rows.push(make("strong", run.name))
      run.probabilities.forEach((value, place) => {
        const name = this.data.expressions[place]
        const row = make("div", "", { class: name === item.true ? "bar true" : "bar" })
        const track = make("span", "", { class: "track" })
        const bar = make("i")
        bar.style.width = `${100 * value}%`
        bar.style.background = this.data.colours[name]
        track.append(bar)
        row.append(make("span", name === item.true ? `${name} (true)` : name), track, make("span", value.toFixed(3)))
        rows.push(row)
      })
    })
    return [...rows, ...item.lines.map((line) => make("p", line))]
  }

  line(item, { words, note, own }) {
    const row = make("p", words)
    if (own !== null) {
      const take = make("button", "take back", { type: "button" })
      take.onclick = () => this.withdraw(item.id, own)
      row.append(" ", take)
    }
    return note ? [row, make("p", note, { class: "noted" })] : [row]
  }

  status() {
    const open = this.outbox.length + (this.sent?.said.length ?? 0)
    const kept = this.done.length - open
    const saved = open ? `saving ${open} …` : kept > 0 ? `${kept} saved` : ""
    this.find(".state").textContent = saved
    this.find(".words").textContent = this.error || this.words || ""
    this.find(".words").classList.toggle("bad", Boolean(this.error))
    this.find("[data-do=again]").hidden = !this.held.length
    this.find("[data-do=undo]").disabled = !this.done.length
  }

  close() {
    clearTimeout(this.resting)
    window.removeEventListener("keydown", this.onKey, true)
  }
}

const DESKS = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  if (!DESKS.has(parentElement)) DESKS.set(parentElement, new Desk(parentElement))
  const desk = DESKS.get(parentElement)
  // Before Streamlit's own keys, of which r would start the page again.
  window.addEventListener("keydown", desk.onKey, true)
  desk.take(data, setTriggerValue)
  return () => desk.close()
}
