// The panel of one room: what it is, who is in it, what it keeps, and a form to trigger with. Without a room: the server.
import { brief, byId, clock, h, heard, hue, jsonView, number, plural, setText } from "./dom.js";
import { Plot, scaleEnd } from "./plot.js";
import { askHistory, askRoom } from "./server.js";
import { Trigger } from "./trigger.js";

const TABS = { about: "About", members: "Members", history: "History", trigger: "Trigger" };
/** How long after somebody came or went the members are asked for again, in milliseconds: at most so often. */
const SETTLE = 500;
const BUSIEST = 8;

export class RoomPane {
  #room = null;
  #tab = "about";
  #detail = null;
  #asked = 0;
  #timer = 0;
  #trigger = null;

  /** `minute(id)` and `busiest(count)` tell rates, `choose(id)` shows a room, `moved()` is told of a change of tab. */
  constructor({ minute, deliveries, busiest, choose, moved }) {
    Object.assign(this, { minute, deliveries, busiest, choose, moved });
    this.pane = byId("room-pane");
    this.showServer();
  }

  get tab() {
    return this.#tab;
  }

  /** Shows the whole server. */
  showServer() {
    this.#room = this.#detail = this.#trigger = null;
    this.events = bigPlot("Events a second, all rooms");
    this.queued = bigPlot("Deliveries a second");
    this.busy = h("ol", { class: "busy" });
    this.pane.replaceChildren(
      h("div", { class: "tools" }, h("h2", { id: "room-heading" }, "The server")),
      h("div", { class: "body" }, this.events.element, this.queued.element, h("h3", {}, "Busiest rooms, last minute"), this.busy),
    );
    this.tick();
  }

  /** Shows a room; `tab` is the one to open, the last one used by default. */
  async show(id, tab = this.#tab) {
    this.#tab = tab in TABS ? tab : "about";
    this.#room = id;
    this.#detail = this.#trigger = null;
    this.rate = bigPlot("Events a second");
    this.body = h("div", { class: "body", id: "room-body", role: "tabpanel", tabIndex: -1 });
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "About the room", onkeydown: (event) => this.#turn(event) });
    this.title = h("h2", { id: "room-heading" }, id);
    const heading = h("div", { class: "tools" }, this.title, h("code", { class: "id" }, id));
    this.pane.replaceChildren(heading, this.tabs, this.body);
    this.#drawTabs();
    await this.#load();
  }

  /** Opens a tab of the room that is shown. */
  open(tab, { focus = true } = {}) {
    if (!this.#room) return;
    this.#tab = tab;
    this.#drawTabs();
    this.#drawBody();
    this.moved();
    if (!focus) return;
    if (tab === "trigger") this.#trigger?.focus();
    else this.tabs.querySelector("[aria-selected=true]").focus();
  }

  /** Puts an event of the room into the form. */
  async again({ room, name, from, message }) {
    if (this.#room !== room || !this.#detail) await this.choose(room, "trigger");
    if (this.#room !== room) return; // another was chosen meanwhile
    this.open("trigger", { focus: false });
    this.#trigger?.fill(name, message.data, from);
    this.#trigger?.focus();
  }

  /** Draws the rates anew. */
  tick() {
    if (this.#room) {
      this.rate.draw(this.minute(this.#room));
      return;
    }
    this.events.draw(this.minute(null));
    this.queued.draw(this.deliveries());
    const rooms = this.busiest(BUSIEST);
    const most = rooms[0]?.[1] ?? 1;
    const rows = rooms.map(([id, count]) => {
      const bar = h("span", { class: "bar-of" });
      bar.style.inlineSize = `${(count / most) * 100}%`;
      return h("li", {}, h("button", { type: "button", onclick: () => this.choose(id) }, bar, h("span", { class: "id" }, id), h("span", { class: "size" }, number(count))));
    });
    if (rows.length === 0) rows.push(h("li", { class: "about" }, "Nothing has happened in the last minute."));
    if (this.busy.contains(document.activeElement)) return;
    this.busy.replaceChildren(...rows);
  }

  /** Takes in what the feed tells. */
  add(notices) {
    if (!this.#room) return;
    const here = notices.filter(({ roomId }) => roomId === this.#room);
    if (here.some(({ kind }) => kind === "deleted")) this.#fail("The room has been deleted.");
    else if (here.some(({ kind }) => kind !== "event")) this.refresh();
  }

  /** Asks for the room anew, soon; a form that is being filled in stays. */
  refresh() {
    if (!this.#room || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#room) this.#load();
    }, SETTLE);
  }

  async #load() {
    const room = this.#room;
    const asked = ++this.#asked;
    const isCurrent = () => room === this.#room && asked === this.#asked;
    try {
      const detail = await askRoom(room);
      if (!isCurrent()) return;
      const isNew = !this.#detail;
      this.#detail = detail;
      setText(this.title, detail.name);
      this.title.nextElementSibling.hidden = detail.name === detail.id;
      this.#drawTabs();
      // A form that is being filled in, or a page of history, stays as it is.
      if (isNew || this.#tab === "about" || this.#tab === "members") this.#drawBody();
    } catch (error) {
      if (isCurrent()) this.#fail(error.message);
    }
  }

  #fail(message) {
    this.#detail = null;
    this.body.replaceChildren(h("p", { class: "empty" }, message));
  }

  #drawTabs() {
    const counts = { members: this.#detail?.size };
    const focused = this.tabs.contains(document.activeElement);
    this.tabs.replaceChildren(
      ...Object.entries(TABS).map(([tab, name]) => {
        const selected = tab === this.#tab;
        const count = counts[tab] === undefined ? null : h("span", { class: "count" }, number(counts[tab]));
        const properties = { type: "button", role: "tab", tabIndex: selected ? 0 : -1, onclick: () => this.open(tab, { focus: false }) };
        return h("button", { ...properties, "aria-selected": selected, "aria-controls": "room-body", "data-tab": tab }, name, count);
      }),
    );
    if (focused) this.tabs.querySelector("[aria-selected=true]").focus();
  }

  #turn(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const names = Object.keys(TABS);
    this.open(names[(names.indexOf(this.#tab) + step + names.length) % names.length], { focus: false });
    this.tabs.querySelector("[aria-selected=true]").focus();
  }

  #drawBody() {
    const detail = this.#detail;
    if (!detail) return;
    if (this.#tab === "trigger") {
      this.#trigger = new Trigger(detail);
      const nothing = h("p", { class: "empty" }, "This room has no events.");
      this.body.replaceChildren(detail.events.length || detail.open ? this.#trigger.element : nothing);
    } else if (this.#tab === "members") this.body.replaceChildren(members(detail));
    else if (this.#tab === "history") this.body.replaceChildren(new History(detail).element);
    else {
      this.body.replaceChildren(this.rate.element, ...about(detail));
      this.tick();
    }
  }
}

/** A plot of the last minute with its scale, its title and what it is now. */
function bigPlot(title) {
  const plot = new Plot(300, 64);
  const [now, top] = [h("span", { class: "now" }, "0"), h("span", { class: "top" }, "1")];
  const element = h(
    "figure",
    { class: "rate" },
    h("figcaption", {}, title, now),
    h("div", { class: "frame" }, plot.element, top, h("span", { class: "past" }, "60 s ago"), h("span", { class: "present" }, "now")),
  );
  const draw = (values = new Array(60).fill(0)) => {
    const end = scaleEnd(Math.max(...values));
    plot.draw(values, end);
    setText(top, number(end));
    setText(now, number(values.at(-1)));
  };
  draw();
  return { element, draw };
}

const ORIGINS = { server: "the server", client: "a client", onDemand: "its first join, on demand" };

function about(detail) {
  const keeps = (event) => (event.history === null ? "–" : `${number(event.kept)}/${number(event.history)}`);
  const sync = { true: "all that is kept", false: "nothing" }[detail.syncHistoryOnJoin] ?? `${detail.syncHistoryOnJoin} of each event`;
  const facts = [
    ["Id", h("code", {}, detail.id)],
    ["Clients", detail.maxSize ? `${number(detail.size)} of at most ${number(detail.maxSize)}` : number(detail.size)],
    ["Made by", detail.createdById ? `${ORIGINS[detail.origin]}, for ${detail.createdById}` : ORIGINS[detail.origin]],
    ["Subscribed at first", heard(detail.defaultSubscriptions)],
    ["Sent at first", sync],
    ["Last seq", number(detail.seq)],
    ["Epoch", h("code", {}, detail.epoch)],
  ];
  return [
    detail.description && h("p", { class: "description" }, detail.description),
    h("dl", { class: "facts-list" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    h("h3", {}, "Events"),
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, h("th", {}, "Name"), h("th", {}, "Who"), h("th", { class: "number" }, "Kept"))),
      h(
        "tbody",
        {},
        detail.events.map((event) => {
          const name = h("td", { title: event.description }, h("span", { class: `dot hue-${hue(event.name)}` }), event.name);
          return h("tr", {}, name, h("td", {}, event.clients ? "anyone" : "server"), h("td", { class: "number" }, keeps(event)));
        }),
        detail.open && h("tr", { class: "about" }, h("td", { colSpan: 3 }, "and any other, unchecked")),
      ),
    ),
  ].filter(Boolean);
}

function members({ members, size }) {
  if (members.length === 0) return h("p", { class: "empty" }, "Nobody is in the room.");
  const rows = members.map(({ userId, clientId, subscriptions }) => {
    const user = h("td", {}, h("div", {}, userId), h("code", { class: "id", title: clientId }, clientId));
    return h("tr", {}, user, h("td", { class: "subscriptions", title: subscriptions.join(", ") }, heard(subscriptions)));
  });
  const rest = size - members.length;
  return h(
    "div",
    {},
    h("table", { class: "members" }, h("thead", {}, h("tr", {}, h("th", {}, "User and client"), h("th", {}, "Hears"))), h("tbody", {}, rows)),
    rest > 0 && h("p", { class: "about" }, `and ${plural(rest, "other")}`),
  );
}

/** What a room keeps, page by page. */
class History {
  #asking = null;

  constructor(detail) {
    this.detail = detail;
    const kept = detail.events.filter(({ history }) => history !== null);
    this.event = h("select", { "aria-label": "Which event", onchange: () => this.load() }, [
      h("option", { value: "" }, "All that memory keeps"),
      ...kept.map(({ name }) => h("option", { value: name }, name)),
    ]);
    this.rows = h("ol", { class: "history" });
    this.note = h("p", { class: "about", role: "status" });
    this.more = h("button", { type: "button", class: "small", hidden: true, onclick: () => this.load(this.oldest) }, "Older");
    const again = h("button", { type: "button", class: "small", onclick: () => this.load() }, "Reload");
    this.element = h("div", {}, h("div", { class: "inline" }, this.event, again), this.rows, this.note, this.more);
    this.load();
  }

  async load(before) {
    // What was asked for before would come among what is wanted now.
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    setText(this.note, "");
    try {
      const { events, more } = await askHistory(this.detail.id, this.event.value, before, asking.signal);
      if (before === undefined) this.rows.replaceChildren();
      this.rows.append(...events.map(kept));
      this.oldest = events.at(-1)?.seq;
      this.more.hidden = !more || this.oldest === undefined;
      if (!this.rows.hasChildNodes()) setText(this.note, "Nothing is kept.");
    } catch (error) {
      if (error.name !== "AbortError") setText(this.note, error.message);
    }
  }
}

function kept(message) {
  const { event, from, timestamp, seq, data } = message;
  const summary = h(
    "summary",
    {},
    h("span", { class: "seq" }, seq === undefined ? "–" : `#${seq}`),
    h("span", { class: "name" }, h("span", { class: `dot hue-${hue(event)}` }), event),
    h("span", { class: "from" }, from),
    h("span", { class: "time" }, clock(timestamp)),
    h("span", { class: "data" }, brief(data, 160)),
  );
  const details = h("details", {}, summary);
  // Drawn when it is opened: a page may have a hundred.
  details.addEventListener("toggle", () => details.append(jsonView(message)), { once: true });
  return h("li", {}, details);
}
