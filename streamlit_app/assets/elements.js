// Elements of a page, made in one go. Texts are always texts, never markup.

/** An element with properties, attributes in `data`, and what stands in it. */
export function make(tag, properties = {}, ...children) {
  const { data, ...rest } = properties
  const element = Object.assign(document.createElement(tag), rest)
  for (const [name, value] of Object.entries(data ?? {})) element.setAttribute(name, value)
  element.append(...children)
  return element
}
