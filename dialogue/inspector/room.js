// The panel of one room: its description, members and history, and a form to trigger events. Without a room, it shows the
// server.
import { brief, byId, clock, h, hue, jsonView, number, plural, setText, subscribedTo } from "./dom.js";
import { Plot, scaleEnd } from "./plot.js";
import { askHistory, askRoom } from "./server.js";
import { Trigger } from "./trigger.js";

const TABS = { about: "About", members: "Members", history: "History", trigger: "Trigger" };
/** How long after a join or leave the page fetches the members again, in milliseconds. It is also the shortest interval. */
const REFRESH_DELAY = 500;
const BUSIEST = 8;

export class RoomPane {
  #room = null;
  #tab = "about";
  #detail = null;
  #requests = 0;
  #timer = 0;
  #trigger = null;

  /** `lastMinute(id)` and `busiest(count)` return rates, `choose(id)` shows a room, `moved()` is called on a change of tab. */
  constructor({ lastMinute, deliveries, busiest, choose, moved }) {
    Object.assign(this, { lastMinute, deliveries, busiest, choose, moved });
    this.pane = byId("room-pane");
    this.showServer();
  }

  get tab() {
    return this.#tab;
  }

  /** Shows the whole server. */
  showServer() {
    this.#room = this.#detail = this.#trigger = null;
    this.events = bigPlot("Events per second, all rooms");
    this.queued = bigPlot("Deliveries per second");
    this.busy = h("ol", { class: "busy" });
    this.pane.replaceChildren(
      h("div", { class: "tools" }, h("h2", { id: "room-heading" }, "The server")),
      h("div", { class: "body" }, this.events.element, this.queued.element, h("h3", {}, "Busiest rooms, last minute"), this.busy),
    );
    this.tick();
  }

  /** Shows a room with this tab open. By default, it opens the tab that was used last. */
  async show(id, tab = this.#tab) {
    this.#tab = tab in TABS ? tab : "about";
    this.#room = id;
    this.#detail = this.#trigger = null;
    this.rate = bigPlot("Events per second");
    this.body = h("div", { class: "body", id: "room-body", role: "tabpanel", tabIndex: -1 });
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "About the room", onkeydown: (event) => this.#switchTab(event) });
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
  async triggerAgain({ room, name, from, message }) {
    if (this.#room !== room || !this.#detail) await this.choose(room, "trigger");
    if (this.#room !== room) return; // another room was chosen meanwhile
    this.open("trigger", { focus: false });
    this.#trigger?.fill(name, message.data, from);
    this.#trigger?.focus();
  }

  /** Redraws the rates. */
  tick() {
    if (this.#room) {
      this.rate.draw(this.lastMinute(this.#room));
      return;
    }
    this.events.draw(this.lastMinute(null));
    this.queued.draw(this.deliveries());
    const rooms = this.busiest(BUSIEST);
    const most = rooms[0]?.[1] ?? 1;
    const rows = rooms.map(([id, count]) => {
      const bar = h("span", { class: "bar-of" });
      bar.style.inlineSize = `${(count / most) * 100}%`;
      return h("li", {}, h("button", { type: "button", onclick: () => this.choose(id) }, bar, h("span", { class: "id" }, id), h("span", { class: "size" }, number(count))));
    });
    if (rows.length === 0) rows.push(h("li", { class: "about" }, "No events in the last minute."));
    if (this.busy.contains(document.activeElement)) return;
    this.busy.replaceChildren(...rows);
  }

  /** Handles notices from the feed. */
  add(notices) {
    if (!this.#room) return;
    const here = notices.filter(({ roomId }) => roomId === this.#room);
    if (here.some(({ kind }) => kind === "deleted")) this.#fail("The room has been deleted.");
    else if (here.some(({ kind }) => kind !== "event")) this.refresh();
  }

  /** Fetches the room again soon. A form that somebody is filling in stays. */
  refresh() {
    if (!this.#room || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#room) this.#load();
    }, REFRESH_DELAY);
  }

  async #load() {
    const room = this.#room;
    const request = ++this.#requests;
    const isCurrent = () => room === this.#room && request === this.#requests;
    try {
      const detail = await askRoom(room);
      if (!isCurrent()) return;
      const isNew = !this.#detail;
      this.#detail = detail;
      setText(this.title, detail.name);
      this.title.nextElementSibling.hidden = detail.name === detail.id;
      this.#drawTabs();
      // A form that somebody is filling in, or a page of history, stays unchanged.
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

  #switchTab(event) {
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

/** A plot of the last minute with its title, its scale and the current value. */
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

const ORIGINS = { server: "the server", client: "a client", onDemand: "the first join, on demand" };

function about(detail) {
  const keeps = (event) => (event.history === null ? "–" : `${number(event.kept)}/${number(event.history)}`);
  const sync = { true: "all kept events", false: "none" }[detail.syncHistoryOnJoin] ?? `the last ${detail.syncHistoryOnJoin} of each event`;
  const facts = [
    ["Id", h("code", {}, detail.id)],
    ["Clients", detail.maxSize ? `${number(detail.size)} of at most ${number(detail.maxSize)}` : number(detail.size)],
    ["Created by", detail.createdById ? `${ORIGINS[detail.origin]}, for ${detail.createdById}` : ORIGINS[detail.origin]],
    ["Default subscriptions", subscribedTo(detail.defaultSubscriptions)],
    ["History on join", sync],
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
      h("thead", {}, h("tr", {}, h("th", {}, "Name"), h("th", {}, "Triggered by"), h("th", { class: "number" }, "Kept"))),
      h(
        "tbody",
        {},
        detail.events.map((event) => {
          const name = h("td", { title: event.description }, h("span", { class: `dot hue-${hue(event.name)}` }), event.name);
          return h("tr", {}, name, h("td", {}, event.clients ? "anyone" : "server"), h("td", { class: "number" }, keeps(event)));
        }),
        detail.open && h("tr", { class: "about" }, h("td", { colSpan: 3 }, "and any other event, without validation")),
      ),
    ),
  ].filter(Boolean);
}

function members({ members, size }) {
  if (members.length === 0) return h("p", { class: "empty" }, "Nobody is in the room.");
  const rows = members.map(({ userId, clientId, subscriptions }) => {
    const user = h("td", {}, h("div", {}, userId), h("code", { class: "id", title: clientId }, clientId));
    return h("tr", {}, user, h("td", { class: "subscriptions", title: subscriptions.join(", ") }, subscribedTo(subscriptions)));
  });
  const rest = size - members.length;
  return h(
    "div",
    {},
    h("table", { class: "members" }, h("thead", {}, h("tr", {}, h("th", {}, "User and client"), h("th", {}, "Subscriptions"))), h("tbody", {}, rows)),
    rest > 0 && h("p", { class: "about" }, `and ${plural(rest, "other")}`),
  );
}

/** The history of a room, page by page. */
class History {
  #request = null;

  constructor(detail) {
    this.detail = detail;
    const kept = detail.events.filter(({ history }) => history !== null);
    this.event = h("select", { "aria-label": "History of event", onchange: () => this.load() }, [
      h("option", { value: "" }, "All events in memory"),
      ...kept.map(({ name }) => h("option", { value: name }, name)),
    ]);
    this.rows = h("ol", { class: "history" });
    this.note = h("p", { class: "about", role: "status" });
    this.more = h("button", { type: "button", class: "small", hidden: true, onclick: () => this.load(this.oldest) }, "Older");
    const reload = h("button", { type: "button", class: "small", onclick: () => this.load() }, "Reload");
    this.element = h("div", {}, h("div", { class: "inline" }, this.event, reload), this.rows, this.note, this.more);
    this.load();
  }

  async load(before) {
    // The answer to the previous request would mix with the answer to this one.
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    setText(this.note, "");
    try {
      const { events, more } = await askHistory(this.detail.id, this.event.value, before, request.signal);
      if (before === undefined) this.rows.replaceChildren();
      this.rows.append(...events.map(kept));
      this.oldest = events.at(-1)?.seq;
      this.more.hidden = !more || this.oldest === undefined;
      if (!this.rows.hasChildNodes()) setText(this.note, "No events are kept.");
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
  // Drawn only when it is opened: a page may have a hundred.
  details.addEventListener("toggle", () => details.append(jsonView(message)), { once: true });
  return h("li", {}, details);
}
