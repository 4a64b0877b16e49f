// @ts-check
// The lines of one ticket on the page, in the order of their numbers. Owns their elements. It knows no connection.
import { copyOf, element, paintAvatar, showTime } from "./elements.js";

const FOLLOWS_WITHIN_MS = 180_000; // a line this soon after another by the same person needs no name

export class Lines {
  element = element("div", "lines");
  #people;

  /**
   * @param {{ me: string, nameOf: (user: string) => string }} people
   */
  constructor(people) {
    this.#people = people;
    this.element.role = "log";
  }

  clear() {
    this.element.replaceChildren();
  }

  /** Adds an event at its place, which is almost always the end. */
  add(event) {
    let before = /** @type {any} */ (this.element.lastElementChild);
    while (before && Number(before.dataset.seq) > event.seq) before = before.previousElementSibling;
    const line = this.#elementOf(event, before);
    if (before) before.after(line);
    else this.element.prepend(line);
  }

  /** Adds events that are older than all others, newest first. */
  addOlder(events) {
    let before = null;
    const elements = events.toReversed().map((event) => (before = this.#elementOf(event, before)));
    this.element.prepend(...elements);
  }

  /** Adds a sentence of the page itself. */
  note(text) {
    this.element.append(element("p", "note", text));
  }

  #elementOf({ event, from, data, timestamp, seq }, before) {
    if (event === "closed") {
      const note = element("p", "note", `${data.by} closed this ticket.`);
      note.dataset.seq = seq;
      return note;
    }
    const { me, nameOf } = this.#people;
    const line = copyOf("line-template");
    const [avatar, byline, text] = line.children;
    const follows = before?.dataset.from === from && timestamp - before.dataset.timestamp < FOLLOWS_WITHIN_MS;
    line.classList.toggle("mine", from === me);
    line.classList.toggle("follows", follows);
    Object.assign(line.dataset, { from, timestamp, seq });
    line.title = new Date(timestamp).toLocaleString();
    byline.children[0].textContent = from === me ? "You" : nameOf(from);
    showTime(byline.children[1], timestamp);
    paintAvatar(avatar, nameOf(from));
    text.textContent = data.text;
    return line;
  }
}
