// @ts-check
// Small functions for the elements of the page.

/** @type {(id: string) => any} */
export const $ = (id) => document.getElementById(id);

export function fieldError(field, text) {
  $(`${field}-error`).textContent = text;
  $(field).ariaInvalid = text ? "true" : null;
}

export function copyOf(template) {
  return $(template).content.firstElementChild.cloneNode(true);
}

export function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

export function showBadge(span, count) {
  span.hidden = count === 0;
  span.textContent = count;
  span.ariaLabel = `${count} unread`;
}

export function paintAvatar(avatar, name) {
  avatar.textContent = [...name][0].toUpperCase();
  avatar.dataset.tint = [...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 8;
}
