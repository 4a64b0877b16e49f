// @ts-check
// The lines of one ticket on the page, in the order of their numbers. Owns their elements. It knows no connection.
import { copyOf, element, paintAvatar, showTime } from "./elements.js";

const FOLLOWS_WITHIN_MS = 180_000; // a line this soon after another by the same person needs no name

export class Lines {
  element = element("div", "lines");
  #people;
  #erase;

  /**
   * @param {{ me: string, nameOf: (user: string) => string }} people
   * @param {((seq: number) => void) | undefined} erase asks the server to erase a line, if this person may do that
   */
  constructor(people, erase) {
    this.#people = people;
    this.#erase = erase;
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

  /** The text of this line is gone. Its place stays. `event` is what is left of a line that is new to the page. */
  erase(seq, event) {
    const line = this.element.querySelector(`[data-seq="${seq}"]`);
    if (line) this.#showErased(line);
    else if (event) this.add(event);
  }

  #elementOf({ event, from, data, timestamp, seq, erased }, before) {
    if (event === "closed") {
      const note = element("p", "note", `${data.by} closed this ticket.`);
      note.dataset.seq = seq;
      return note;
    }
    const { me, nameOf } = this.#people;
    const line = copyOf("line-template");
    const [avatar, byline, text, erase] = line.children;
    const follows = before?.dataset.from === from && timestamp - before.dataset.timestamp < FOLLOWS_WITHIN_MS;
    line.classList.toggle("mine", from === me);
    line.classList.toggle("follows", follows);
    Object.assign(line.dataset, { from, timestamp, seq });
    line.title = new Date(timestamp).toLocaleString();
    byline.children[0].textContent = from === me ? "You" : nameOf(from);
    showTime(byline.children[1], timestamp);
    paintAvatar(avatar, nameOf(from));
    if (this.#erase) erase.addEventListener("click", () => this.#erase(seq));
    else erase.remove();
    if (erased) this.#showErased(line);
    else text.textContent = data.text;
    return line;
  }

  #showErased(line) {
    line.classList.add("erased");
    line.querySelector(".text").textContent = "This line was erased.";
    line.querySelector("button")?.remove();
  }
}
