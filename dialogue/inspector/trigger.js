// The form that triggers an event in a room, as the server or on behalf of a user.
import { h, plural, setText } from "./dom.js";
import { Form, NotJson, parse } from "./form.js";
import { trigger } from "./server.js";

/** The choice of an event that the room does not list. */
const OTHER = "@other";

export class Trigger {
  #form = null;
  #raw = null;

  /** `room` is the server's description of a room. */
  constructor(room) {
    this.room = room;
    this.event = h(
      "select",
      { id: "trigger-event", onchange: () => this.choose() },
      room.events.map(({ name, clients }) => h("option", { value: name }, clients ? name : `${name} (server only)`)),
      room.open && h("option", { value: OTHER }, "another event…"),
    );
    const plain = { type: "text", autocomplete: "off", spellcheck: false };
    this.other = h("input", { ...plain, id: "trigger-other", placeholder: "event name", "aria-label": "The event’s name" });
    this.from = h("input", { ...plain, id: "trigger-from", placeholder: "system" });
    this.about = h("p", { class: "about" });
    this.asForm = h("button", { type: "button", "aria-pressed": "true", onclick: () => this.#toForm() }, "Form");
    this.asJson = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.#toJson() }, "JSON");
    this.place = h("div", { class: "data" });
    this.send = h("button", { type: "submit", class: "primary" }, "Trigger");
    this.result = h("p", { class: "result", role: "status" });
    const submit = (event) => {
      event.preventDefault();
      this.#submit();
    };
    const pressed = (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
    };
    this.element = h(
      "form",
      { class: "trigger", noValidate: true, onsubmit: submit, onkeydown: pressed },
      h("div", { class: "pairs" }, h("label", { for: "trigger-event" }, "Event"), h("div", {}, this.event, this.other)),
      this.about,
      h("div", { class: "pairs" }, h("label", { for: "trigger-from" }, "From"), this.from),
      h("div", { class: "data-head" }, h("h3", {}, "Data"), h("div", { class: "toggle" }, this.asForm, this.asJson)),
      this.place,
      h("div", { class: "send" }, this.send, h("span", { class: "hint" }, h("kbd", {}, "Ctrl"), " ", h("kbd", {}, "Enter")), this.result),
    );
    this.choose();
  }

  focus() {
    (this.place.querySelector("input, select, textarea") ?? this.event).focus();
  }

  /** Puts an event into the form, so that it can be changed and sent again. */
  fill(name, data, from) {
    const listed = this.room.events.some((event) => event.name === name);
    this.event.value = listed ? name : OTHER;
    this.other.value = listed ? "" : name;
    this.from.value = from === "system" ? "" : from;
    this.choose(data);
  }

  /** Shows the form of the chosen event. */
  choose(data) {
    const event = this.room.events.find(({ name }) => name === this.event.value);
    this.other.hidden = this.event.value !== OTHER;
    const keeps = event?.history ? `Kept: ${event.kept} of ${event.history}.` : "Not kept.";
    setText(this.about, [event?.description, event && keeps].filter(Boolean).join(" "));
    setText(this.result, "");
    this.#draw(data, event?.schema ?? null);
  }

  get name() {
    return this.event.value === OTHER ? this.other.value.trim() : this.event.value;
  }

  #draw(data, schema) {
    this.schema = schema;
    this.#form = new Form(schema, data);
    this.#raw = null;
    this.place.replaceChildren(this.#form.element);
    this.#mark();
  }

  #mark() {
    this.asForm.setAttribute("aria-pressed", this.#raw === null);
    this.asJson.setAttribute("aria-pressed", this.#raw !== null);
  }

  #toJson() {
    if (this.#raw) return;
    let data;
    try {
      data = this.#form.read();
    } catch {
      return;
    }
    const value = JSON.stringify(data, null, 2);
    const rows = Math.min(24, value.split("\n").length + 1);
    this.#raw = h("textarea", { class: "raw", rows, spellcheck: false, value, "aria-label": "The data as JSON" });
    this.rawError = h("div", { class: "errors" });
    this.place.replaceChildren(this.#raw, this.rawError);
    this.#mark();
    this.#raw.focus();
  }

  #toForm() {
    if (!this.#raw) return;
    const data = this.#readRaw();
    if (data !== undefined) this.#draw(data, this.schema);
  }

  #readRaw() {
    this.#showRawErrors([]);
    try {
      return parse(this.#raw.value);
    } catch (error) {
      this.#showRawErrors([error.message]);
      return undefined;
    }
  }

  #showRawErrors(messages) {
    this.rawError.replaceChildren(...messages.map((message) => h("p", { class: "error" }, message)));
    this.#raw.setAttribute("aria-invalid", messages.length > 0);
  }

  async #submit() {
    if (this.send.disabled) return; // submitted by a key while a request is already on its way
    this.#showResult("", "");
    let data;
    try {
      data = this.#raw ? this.#readRaw() : this.#form.read();
    } catch (error) {
      if (error instanceof NotJson) return;
      throw error;
    }
    if (data === undefined) return;
    const [form, raw] = [this.#form, this.#raw];
    this.send.disabled = true;
    try {
      const sent = await trigger(this.room.id, { event: this.name, data, from: this.from.value.trim() || undefined });
      if (!raw) form.show([]);
      const seq = sent.seq === null ? "" : `, seq ${sent.seq}`;
      this.#showResult("good", `Sent to ${plural(sent.recipients, "client")}${seq}`);
    } catch (error) {
      const { violations = [] } = error;
      if (!raw) form.show(violations);
      else if (raw === this.#raw) this.#showRawErrors(violations.map(({ path, message }) => `${path || "The whole payload"}: ${message}`));
      this.#showResult("bad", error.message);
    } finally {
      this.send.disabled = false;
    }
  }

  #showResult(kind, text) {
    this.result.dataset.kind = kind;
    setText(this.result, text);
  }
}
