// A photo with a numbered box for each face. A click, Enter or Space on a box opens its card.
const SVG = "http://www.w3.org/2000/svg"

function element(name, attributes) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}

export default function ({ data, parentElement, setTriggerValue }) {
  const figure = parentElement.querySelector("svg")
  figure.setAttribute("viewBox", `0 0 ${data.width} ${data.height}`)
  figure.setAttribute("aria-label", data.alt)
  figure.style.maxHeight = data.tall ? "34rem" : "9rem"
  figure.style.aspectRatio = `${data.width} / ${data.height}`
  figure.replaceChildren(element("image", { href: data.src, width: data.width, height: data.height }))
  const unit = Math.max(data.width, data.height) / 260
  data.faces.forEach((face, number) => {
    const open = number === data.open
    const group = element("g", { role: "button", tabindex: 0, "aria-label": face.words, "aria-pressed": open })
    const title = element("title", {})
    title.textContent = face.words
    const [x, y, width, height] = face.box
    const box = element("rect", { x, y, width, height, stroke: face.colour, "stroke-width": unit * (open ? 1.8 : 1), fill: "transparent" })
    const size = Math.max(unit * 7, Math.min(unit * 9, height / 4))
    const label = (open ? "✓ " : "") + (number + 1)
    const wide = size * (0.7 + 0.62 * label.length)
    const top = y >= size * 1.3 ? y - size * 1.3 : y
    const tag = element("rect", { x, y: top, width: wide, height: size * 1.3, fill: face.colour })
    const text = element("text", { x: x + wide / 2, y: top + size * 1.02, "font-size": size, "text-anchor": "middle", fill: "white" })
    text.textContent = label
    group.append(title, box, tag, text)
    const choose = () => setTriggerValue("face", number)
    group.onclick = choose
    group.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return
      event.preventDefault()
      choose()
    }
    figure.append(group)
  })
}
