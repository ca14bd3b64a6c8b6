// A face under its heat map. Two sliders act at once, in the browser alone: how opaque the map is, and how much of the face it covers.
const KEPT = "emotion-heat-opacity"

export default function ({ data, parentElement }) {
  const [face, heat] = parentElement.querySelectorAll("img")
  const [opacity, cover] = parentElement.querySelectorAll("input")
  face.src = data.face
  heat.src = data.heat
  face.alt = ""
  heat.alt = data.alt
  if (opacity.dataset.ready === undefined) {
    opacity.value = sessionStorage.getItem(KEPT) ?? "0.5"
    opacity.dataset.ready = ""
  }
  const show = () => {
    heat.style.opacity = opacity.value
    heat.style.clipPath = `inset(0 0 0 ${100 * (1 - cover.value)}%)`
  }
  // All maps of the page follow the one that is moved.
  const follow = (event) => {
    opacity.value = event.detail
    show()
  }
  opacity.oninput = () => {
    sessionStorage.setItem(KEPT, opacity.value)
    window.dispatchEvent(new CustomEvent(KEPT, { detail: opacity.value }))
  }
  cover.oninput = show
  window.addEventListener(KEPT, follow)
  show()
  return () => window.removeEventListener(KEPT, follow)
}
