/* Making elements, and nothing else. Text is always set as text: no string from the swarm ever becomes markup. */

/** h("p.note", {title: "x"}, "text", child): an element with classes, properties and children. */
export function h(name, props = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  if (props === null || typeof props !== "object" || props instanceof Node || Array.isArray(props)) {
    children.unshift(props);
    props = {};
  }
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className += ` ${value}`;
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "width%") element.style.width = `${value}%`;
    else if (key === "left%") element.style.left = `${value}%`;
    else if (key in element && key !== "list" && key !== "form" && key !== "role") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** Change text only where it differs, so that a selection and a screen reader are left in peace. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const SVG = "http://www.w3.org/2000/svg";

/** A line icon of 24 units, by its path. */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "1.8", "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" })) svg.setAttribute(name, value);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export function pill(text, tone = "") {
  return h(`span.pill${tone ? `.${tone}` : ""}`, {}, text);
}

/** A share as a bar, with a tick where it should be. */
export function meter(share, { target = null, tone = "", label = "" } = {}) {
  const percent = Math.round(Math.max(0, Math.min(1, share ?? 0)) * 1000) / 10;
  return h("div.meter", { class: tone, role: "meter", "aria-valuenow": percent, "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": label || "share" },
    h("i", { "width%": percent }), target === null ? null : h("u", { "left%": target * 100, title: `target ${Math.round(target * 100)}%` }));
}

/** Facts as a list of terms. */
export function facts(pairs) {
  return h("dl.facts", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

export function card(title, { note = "", right = null } = {}, ...children) {
  return h("section.card", { "aria-label": title }, h("header", {}, h("h2", {}, title), note && h("span.muted", {}, note), right && h("div.right", {}, right)), children);
}
