// Creates elements without markup, so the texts of other people are only ever shown as text.

/** Creates an element with properties, `on…` listeners, `aria-`/`data-` attributes and children. Skips null values. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for" || name === "list") element.setAttribute(name, value);
    else if (name === "class") element.className = value;
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Replaces an element's text only if it differs, to avoid an unnecessary layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const WHOLE = new Intl.NumberFormat("en");
export const number = (value) => WHOLE.format(value);
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export function bytes(count) {
  return count < 1024 ? `${count} B` : `${(count / 1024).toFixed(1)} KiB`;
}

const two = (value) => String(value).padStart(2, "0");

export function clock(milliseconds) {
  const time = new Date(milliseconds);
  const fraction = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${fraction}`;
}

/** The hue of a name, one of eight. The same name always has the same hue. */
export function hue(name) {
  let hash = 7;
  for (let index = 0; index < name.length; index += 1) hash = (hash * 31 + name.charCodeAt(index)) >>> 0;
  return (hash ^ (hash >>> 13)) % 8;
}

/** A value on one line, its first `most` characters: `text: "Hello", urgent: true`. */
export function brief(value, most) {
  let text = JSON.stringify(value) ?? "";
  if (text[0] === "{") {
    const fields = Object.entries(value).map(([name, field]) => `${name}: ${JSON.stringify(field)}`);
    text = fields.join(", ") || "{}";
  }
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** The events that a client is subscribed to, in words. */
export function subscribedTo(subscriptions) {
  return subscriptions.includes("*") ? "all events" : subscriptions.join(", ") || "no events";
}

/** The longest JSON text that is coloured, in characters. Longer texts are shown without colours. */
const MAX_COLOURED = 100_000;
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A value as indented JSON. */
export function jsonView(value) {
  const text = JSON.stringify(value, null, 2) ?? "nothing";
  const view = h("pre", { class: "json", tabIndex: 0 });
  if (text.length > MAX_COLOURED) {
    view.textContent = text;
    return view;
  }
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, string, colon, word] = match;
    const kind = string ? (colon ? "key" : "string") : word ? "word" : "digits";
    view.append(text.slice(from, match.index), h("span", { class: kind }, string ?? whole), colon ?? "");
    from = match.index + whole.length;
  }
  view.append(text.slice(from));
  return view;
}
