// @ts-check
// One ticket: what was said in it, what this person is about to say, and who is typing. Both pages use it.
import { $, copyOf, element } from "./elements.js";
import { Lines } from "./lines.js";
import { Outbox } from "./outbox.js";
import { readable } from "./words.js";
/** @import { DialogueClient } from "./dialogue/client.js" */

const PAGE = 50; // lines, each time that the person asks for earlier ones
const TYPING_REPEAT_MS = 3_000; // how often "is typing" is sent while keys are pressed
const TYPING_LASTS_MS = 6_000; // how long it counts, in case "stopped typing" is lost

export class Conversation {
  element = element("div", "log");
  /** @type {import("./dialogue/client.js").JoinedRoom<any> | null} */
  room = null;
  gaps = 0; // how often lines may have been missed
  closed = false;
  problem = ""; // why the page is not in the room
  typists = new Map(); // user → the timer that ends it
  unread = 0;
  last = null; // the newest line
  draft = "";
  #client;
  #people;
  #changed;
  #earlier = copyOf("earlier-template");
  #oldest = Infinity; // the number of the oldest line on the page
  #saidTyping = 0; // when the page last sent that this person types; 0 after it sent that they do not
  #typingTimer;
  #entering;

  /**
   * @param {DialogueClient} client
   * @param {any} id the id of the room
   * @param {{ me: string, nameOf: (user: string) => string }} people
   * @param {{ changed: () => void, isRead: () => boolean, erase?: (seq: number) => void }} page
   *   `changed` is called after each change
   */
  constructor(client, id, people, { changed, isRead, erase }) {
    this.#client = client;
    this.id = id;
    this.#people = people;
    this.#changed = changed;
    this.isRead = isRead;
    this.lines = new Lines(people, erase);
    this.outbox = new Outbox(this, changed);
    this.#earlier.addEventListener("click", () => this.#showEarlier());
    this.element.hidden = true;
    this.element.append(this.#earlier, this.lines.element, this.outbox.element);
    $("logs").append(this.element);
  }

  get isConnected() {
    return this.#client.connected;
  }

  /** Joins the room, unless the page is in it already. */
  async enter() {
    if (this.room || this.#entering || !this.isConnected) return;
    this.#entering = true;
    try {
      this.#attend(await this.#client.join(this.id));
      this.problem = "";
    } catch (error) {
      // After a lost connection, the next one tries again.
      this.problem = error.code === "DISCONNECTED" ? "" : readable(error);
      if (error.retryAfter !== undefined) setTimeout(() => this.enter(), error.retryAfter);
    }
    this.#entering = false;
    this.#changed();
  }

  /** Shows this conversation, or hides it. */
  show(isShown) {
    this.element.hidden = !isShown;
    if (isShown) this.toEnd();
  }

  toEnd() {
    $("logs").scrollTop = $("logs").scrollHeight;
  }

  say(text) {
    this.sayTyping(false);
    this.outbox.add(text);
    this.toEnd();
  }

  sayTyping(isTyping) {
    clearTimeout(this.#typingTimer);
    if (isTyping) this.#typingTimer = setTimeout(() => this.sayTyping(false), TYPING_REPEAT_MS);
    if (isTyping ? Date.now() - this.#saidTyping < TYPING_REPEAT_MS : !this.#saidTyping) return;
    this.#saidTyping = isTyping ? Date.now() : 0;
    this.room?.trigger("typing", { isTyping }, { volatile: true }).catch(() => {}); // a lost hint needs no report
  }

  #attend(room) {
    this.room = room;
    room.onHistory(({ events, gap }) => {
      // The newest lines replace what is on the page. Older ones are a page away, so nothing is lost for the reader.
      this.lines.clear();
      this.#oldest = Infinity;
      if (gap) {
        this.gaps += 1;
        this.lines.note("You are back. Lines from the time in between are above.");
      }
      for (const event of events) this.#receive(event, false);
      this.#earlier.hidden = events.length === 0 || this.#oldest === 1;
    });
    room.on("line", (event) => this.#receive(event, true));
    room.on("closed", (event) => this.#receive(event, true));
    room.on("typing", ({ from, data }) => this.#hearTyping(from, data.isTyping));
    room.onErased(({ seq, message }) => {
      if (message) this.#oldest = Math.min(this.#oldest, seq);
      this.lines.erase(seq, message);
    });
    room.onRecovered(() => this.outbox.send());
    room.onLeft(({ reason }) => {
      this.room = null;
      this.problem = reason ? "You are no longer in this ticket." : "";
      this.#changed();
    });
    this.outbox.send();
  }

  #receive(event, isLive) {
    const view = $("logs");
    const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 80;
    this.lines.add(event);
    if (event.event === "closed") this.closed = true;
    else {
      const { from, meta, seq } = event;
      this.#oldest = Math.min(this.#oldest, seq);
      this.last = event;
      if (from === this.#people.me) this.outbox.arrived(meta?.line);
      else if (isLive && !this.isRead()) this.unread += 1;
      this.#hearTyping(from, false);
    }
    if (!this.element.hidden && atEnd) this.toEnd();
    this.#changed();
  }

  /** Shows the lines before those on the page, as far back as the server keeps them. */
  async #showEarlier() {
    const view = $("logs");
    this.#earlier.disabled = true;
    try {
      const { events, more } = await this.room.getHistory("line", { before: this.#oldest, limit: PAGE });
      const fromEnd = view.scrollHeight - view.scrollTop;
      this.lines.addOlder(events);
      this.#oldest = events.at(-1)?.seq ?? this.#oldest;
      this.#earlier.hidden = !more;
      view.scrollTop = view.scrollHeight - fromEnd; // the reader stays at the same line
    } catch (error) {
      this.lines.note(readable(error));
    }
    this.#earlier.disabled = false;
  }

  #hearTyping(from, isTyping) {
    if (from === this.#people.me) return;
    clearTimeout(this.typists.get(from));
    this.typists.delete(from);
    if (isTyping) this.typists.set(from, setTimeout(() => this.#hearTyping(from, false), TYPING_LASTS_MS));
    this.#changed();
  }
}

/** Connects the field for a new line, and the line about typing, with the conversation that is shown. */
export function compose(/** @type {() => Conversation | null} */ shown) {
  const field = $("text");
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text || !shown()) return;
    field.value = "";
    shown().say(text);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("composer").requestSubmit();
  });
  field.addEventListener("input", () => shown()?.sayTyping(field.value.trim() !== ""));
  field.addEventListener("blur", () => shown()?.sayTyping(false));
}

/** Shows what has changed below the lines: who types, and whether one may write. */
export function showComposer(/** @type {Conversation} */ conversation, /** @type {(user: string) => string} */ nameOf) {
  const names = [...conversation.typists.keys()].map(nameOf);
  const who = new Intl.ListFormat("en").format(names);
  $("typing").textContent = names.length ? `${who} ${names.length > 1 ? "are" : "is"} typing` : "";
  $("composer").hidden = conversation.closed;
  $("problem").textContent = conversation.problem;
  $("problem").hidden = !conversation.problem;
}
