// What the desk and the selection in the gallery share; it stands before each of them.
const WRONG = "wrong label"

function make(name, text = "", more = {}) {
  const made = document.createElement(name)
  made.textContent = text
  for (const [key, value] of Object.entries(more)) made.setAttribute(key, value)
  return made
}
