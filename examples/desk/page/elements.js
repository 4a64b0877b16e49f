// @ts-check
// Small functions for the elements of a page.

/** @type {(id: string) => any} */
export const $ = (id) => document.getElementById(id);

/** A copy of the template's first element. */
export function copyOf(template) {
  return $(template).content.firstElementChild.cloneNode(true);
}

export function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

export function fieldError(field, text) {
  $(`${field}-error`).textContent = text;
  $(field).ariaInvalid = text ? "true" : null;
}

export function paintAvatar(avatar, name) {
  avatar.textContent = [...name][0].toUpperCase();
  avatar.dataset.tint = [...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 8;
}

export function showTime(time, timestamp) {
  const date = new Date(timestamp);
  const dateStyle = date.toDateString() === new Date().toDateString() ? undefined : "medium";
  time.dateTime = date.toISOString();
  time.textContent = date.toLocaleString([], { timeStyle: "short", dateStyle });
}
