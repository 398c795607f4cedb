// Making and finding elements.

export const $ = (id) => document.getElementById(id);

// make("p", {class: "why", hidden: true, onclick: f}, "text", node, ...)
export function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// Call it some time after the last of many calls; `.now()` doesn't wait.
export function later(milliseconds, call) {
  let timer;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds);
  };
  soon.now = () => {
    clearTimeout(timer);
    call();
  };
  return soon;
}
