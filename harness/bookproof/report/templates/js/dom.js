// Elements from values. Text is only ever set as text: nothing here reads markup.
const SVG = "http://www.w3.org/2000/svg";
const byId = id => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || (value === false && !name.startsWith("aria-"))) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : value);
  }
  for (const child of children.flat(9)) if (child !== null && child !== undefined && child !== false) node.append(child);
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const seconds = us => (us / 1e6).toFixed(3) + " s";
const plural = (count, noun) => count + " " + noun + (count === 1 ? "" : "s");
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// The place of the last item whose key is at most `key`; -1: there is none.
function lastAtMost(items, key, of) {
  let low = 0, high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(items[middle]) <= key) low = middle + 1; else high = middle;
  }
  return low - 1;
}

const tip = byId("tip");
function showTip(event, ...lines) {
  tip.replaceChildren(...lines.map(line => el("div", {}, line)));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = clamp(event.clientX + 14, 4, innerWidth - box.width - 4) + "px";
  const below = event.clientY + 18;
  tip.style.top = (below + box.height > innerHeight ? event.clientY - box.height - 10 : below) + "px";
}
const hideTip = () => { tip.hidden = true; };
