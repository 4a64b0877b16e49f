// Keeps, filters and lists the latest events and notices.
import { brief, byId, bytes, clock, h, hue, jsonView, number, plural, setText } from "./dom.js";
import { VirtualList } from "./list.js";

/** The limits of what the page keeps. */
const MAX_EVENTS = 10_000;
const MAX_BYTES = 32 * 1024 * 1024;
/** The size that a notice other than an event counts as. */
const NOTICE_BYTES = 100;
/** How many event names the filter offers. In a room that allows any event, clients can invent names. */
const MAX_NAMES = 100;
const ROW_HEIGHT = 26;
const PREVIEW = 240;

/** The kinds of notices that are not events. */
const PRESENCE = { joined: "joined", left: "left", created: "room created", deleted: "room deleted", erased: "erased" };

/** The latest entries in the order in which they arrived, and the entries among them that match the filter. */
export class EventLog {
  #items = [];
  #bytes = 0;
  #next = 0;
  filter = { room: null, kind: "", text: "" };
  shown = [];
  kinds = new Set();
  missed = 0;

  get total() {
    return this.#items.length;
  }

  /** Adds notices from the feed. Returns how many of the shown rows were removed from the front. */
  add(notices) {
    for (const notice of notices) {
      const item = entry(notice, this.#next++);
      this.#items.push(item);
      this.#bytes += item.bytes;
      if (item.kind === "event" && this.kinds.size < MAX_NAMES) this.kinds.add(item.name);
      if (item.kind === "dropped") this.missed += notice.count;
      if (item.kind === "erased") this.#erase(notice);
      if (this.#passes(item)) this.shown.push(item);
    }
    this.#bytes = dropOldest(this.#items, this.#bytes);
    const oldest = this.#items[0]?.key ?? this.#next;
    const kept = this.shown.findIndex((item) => item.key >= oldest);
    const removedRows = kept < 0 ? this.shown.length : kept;
    this.shown.splice(0, removedRows);
    return removedRows;
  }

  /** Forgets the data of erased events. */
  #erase({ roomId, seqs }) {
    const erased = new Set(seqs);
    for (const item of this.#items) {
      if (item.kind !== "event" || item.room !== roomId || !erased.has(item.seq)) continue;
      const { meta, ...message } = item.message;
      Object.assign(item, { message: { ...message, data: null, erased: true }, preview: "erased", searchText: undefined });
    }
  }

  clear() {
    this.#items = [];
    this.#bytes = 0;
    this.shown = [];
    this.missed = 0;
    const { kind } = this.filter;
    this.kinds = new Set(kind && kind[0] !== "@" ? [kind] : []);
  }

  setFilter(change) {
    Object.assign(this.filter, change);
    this.shown = this.#items.filter((item) => this.#passes(item));
  }

  #passes(item) {
    const { room, kind, text } = this.filter;
    if (item.kind === "dropped") return true;
    if (room !== null && item.room !== room) return false;
    if (kind === "@events" && item.kind !== "event") return false;
    if (kind === "@presence" && item.kind === "event") return false;
    if (kind && kind[0] !== "@" && item.name !== kind) return false;
    return !text || searchText(item).includes(text);
  }

  // The source of the list.
  get count() {
    return this.shown.length;
  }
  at(index) {
    return this.shown[index];
  }
  keyOf(item) {
    return item.key;
  }
  indexOf(key) {
    let [low, high] = [0, this.shown.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.shown[middle].key < key) low = middle + 1;
      else high = middle;
    }
    return this.shown[low]?.key === key ? low : -1;
  }
}

const byteSize = ({ bytes = NOTICE_BYTES }) => bytes;

/** Removes the oldest items until both limits hold. Returns how many of the given bytes are left. */
function dropOldest(items, bytes) {
  let removed = 0;
  for (; items.length - removed > MAX_EVENTS || bytes > MAX_BYTES; removed += 1) bytes -= byteSize(items[removed]);
  items.splice(0, removed);
  return bytes;
}

function entry(notice, key) {
  const { kind, message } = notice;
  if (kind === "event") {
    const { event, roomId, from, timestamp, seq } = message;
    const { recipients, bytes } = notice;
    return { key, kind, name: event, room: roomId, from, at: timestamp, seq, recipients, bytes, message };
  }
  const name = PRESENCE[kind] ?? kind;
  return { key, kind, name, room: notice.roomId ?? "", from: notice.userId ?? "", at: notice.at, bytes: NOTICE_BYTES, notice };
}

function preview(item) {
  if (item.preview !== undefined) return item.preview;
  const { kind, notice, message } = item;
  if (kind === "event") item.preview = message.erased ? "erased" : brief(message.data, PREVIEW);
  else if (kind === "erased") item.preview = plural(notice.seqs.length, "event");
  else if (kind === "created") item.preview = notice.name;
  else if (kind === "dropped") item.preview = `${plural(notice.count, "entry", "entries")} not shown: they arrived faster than this page reads`;
  else if (notice.size !== undefined) item.preview = `${plural(notice.size, "client")} in the room`;
  else item.preview = "";
  return item.preview;
}

function searchText(item) {
  item.searchText ??= [item.name, item.room, item.from, JSON.stringify(item.message?.data ?? "")].join("\n").toLowerCase();
  return item.searchText;
}

/** The middle of the page. */
export class EventsPane {
  log = new EventLog();
  #paused = false;
  #following = true;
  #pausedNotices = [];
  #pausedBytes = 0;
  #newer = 0;
  #open = null;

  /** `triggerAgain(item)` puts an event into the form. */
  constructor({ triggerAgain }) {
    this.triggerAgain = triggerAgain;
    this.list = new VirtualList(byId("events"), {
      source: this.log,
      rowHeight: ROW_HEIGHT,
      make: makeRow,
      draw: drawRow,
      selected: (item) => {
        if (this.log.indexOf(item.key) < this.log.count - 1) this.#following = false;
        if (!byId("details").hidden && item !== this.#open) this.#show(item);
      },
      opened: (item) => this.#show(item),
      scrolled: () => this.#scrolled(),
    });
    byId("events-kind").addEventListener("change", (event) => this.#filter({ kind: event.target.value }));
    byId("events-search").addEventListener("input", (event) => {
      this.#filter({ text: event.target.value.trim().toLowerCase() });
    });
    byId("events-search").addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "ArrowDown") byId("events").focus();
    });
    byId("pause").addEventListener("click", () => this.pause());
    byId("clear").addEventListener("click", () => this.clear());
    byId("newer").addEventListener("click", () => this.toEnd());
    byId("events").addEventListener("keydown", (event) => {
      if (event.key === "G" || event.key === "End") this.toEnd();
    });
    this.#drawKinds();
    this.#drawFoot();
  }

  /** Adds notices from the feed. */
  add(notices) {
    if (this.#paused) {
      this.#pausedNotices.push(...notices);
      const bytes = notices.reduce((sum, notice) => sum + byteSize(notice), this.#pausedBytes);
      this.#pausedBytes = dropOldest(this.#pausedNotices, bytes);
      this.#drawFoot();
      return;
    }
    const [before, kinds] = [this.log.count, this.log.kinds.size];
    const removed = this.log.add(notices);
    if (this.log.kinds.size !== kinds) this.#drawKinds();
    if (this.#following) this.list.toEnd();
    else {
      this.#newer += this.log.count - before + removed;
      this.list.removedFromFront(removed);
      this.list.refresh();
    }
    this.#drawFoot();
  }

  pause() {
    this.#paused = !this.#paused;
    byId("pause").setAttribute("aria-pressed", this.#paused);
    setText(byId("pause"), this.#paused ? "Resume" : "Pause");
    document.body.classList.toggle("paused", this.#paused);
    const notices = this.#pausedNotices;
    this.#pausedNotices = [];
    this.#pausedBytes = 0;
    if (!this.#paused) this.add(notices);
    this.#drawFoot();
  }

  clear() {
    this.log.clear();
    this.#pausedNotices = [];
    this.#pausedBytes = 0;
    this.close();
    this.toEnd();
    this.#drawKinds();
    this.#drawFoot();
  }

  toEnd() {
    this.#following = true;
    this.#newer = 0;
    this.list.toEnd();
    this.#drawFoot();
  }

  /** Lists the events of one room, or of all rooms for `null`. */
  showRoom(room, title) {
    setText(byId("events-heading"), title);
    byId("events-pane").classList.toggle("one-room", room !== null);
    this.#filter({ room });
  }

  /** Closes the details. Returns whether they were open. */
  close() {
    const details = byId("details");
    if (details.hidden) return false;
    if (details.contains(document.activeElement)) byId("events").focus();
    details.hidden = true;
    return true;
  }

  #filter(change) {
    this.log.setFilter(change);
    this.toEnd();
  }

  #scrolled() {
    if (this.#following === this.list.atEnd) return;
    this.#following = this.list.atEnd;
    if (this.#following) this.#newer = 0;
    this.#drawFoot();
  }

  #show(item) {
    this.#open = item;
    const { message, notice } = item;
    const value = message ?? notice;
    const copy = h("button", {
      type: "button",
      onclick: async () => {
        // Without TLS, only pages from localhost can use the clipboard.
        const isCopied = await navigator.clipboard?.writeText(JSON.stringify(value, null, 2)).then(() => true, () => false);
        setText(copy, isCopied ? "Copied" : "Not allowed");
      },
    }, "Copy");
    const facts = [clock(item.at), item.room, item.from && `from ${item.from}`, message && bytes(item.bytes)];
    const details = byId("details");
    details.replaceChildren(
      h(
        "header",
        {},
        h("h3", {}, h("span", { class: `dot hue-${hue(item.name)}` }), item.name),
        h("p", { class: "facts" }, facts.filter(Boolean).join(" · ")),
        message && h("button", { type: "button", onclick: () => this.triggerAgain(item) }, "Trigger again"),
        copy,
        h("button", { type: "button", class: "quiet", title: "Close (Esc)", "aria-label": "Close", onclick: () => this.close() }, "✕"),
      ),
      jsonView(value),
    );
    details.hidden = false;
    // The list is shorter now. Its selected row must stay visible.
    requestAnimationFrame(() => this.list.select(this.log.indexOf(item.key)));
  }

  #drawKinds() {
    const select = byId("events-kind");
    const chosen = this.log.filter.kind;
    const option = (value, text) => h("option", { value, selected: value === chosen }, text);
    select.replaceChildren(
      option("", "Everything"),
      option("@events", "Events only"),
      option("@presence", "Joins, leaves and rooms"),
      h("optgroup", { label: "Events by name" }, [...this.log.kinds].sort().map((kind) => option(kind, kind))),
    );
  }

  #drawFoot() {
    const { count, total, missed } = this.log;
    const parts = [count === total ? `${number(total)} listed` : `${number(count)} of ${number(total)} listed`];
    if (total >= MAX_EVENTS) parts.push("older entries removed");
    if (missed) parts.push(`${number(missed)} missed`);
    if (this.#paused) parts.push(`paused, ${number(this.#pausedNotices.length)} waiting`);
    setText(byId("events-foot"), parts.join(" · "));
    const newer = byId("newer");
    newer.hidden = this.#following || this.#newer === 0;
    setText(newer, `↓ ${number(this.#newer)} newer`);
    const empty = byId("events-empty");
    empty.hidden = count > 0;
    setText(empty, total ? "No entry matches the filter." : "Nothing has happened yet. Events appear here as they happen.");
  }
}

function makeRow() {
  const cell = (name) => h("span", { class: name });
  const row = h("div", { class: "row" });
  row.cells = {};
  row.event = cell("name");
  row.dot = h("span", {});
  for (const name of ["time", "room", "event", "from", "data", "to", "seq"]) row.append((row.cells[name] = cell(name)));
  row.cells.event.append(row.dot, row.event);
  return row;
}

function drawRow(row, item) {
  if (row.item === item) return;
  const { cells } = row;
  row.className = item.kind === "event" ? "row" : `row note ${item.kind}`;
  row.dot.className = item.kind === "event" ? `dot hue-${hue(item.name)}` : "dot none";
  setText(cells.time, clock(item.at));
  setText(cells.room, item.room);
  setText(row.event, item.name);
  setText(cells.from, item.from);
  setText(cells.data, preview(item));
  setText(cells.to, item.recipients === undefined ? "" : number(item.recipients));
  setText(cells.seq, item.seq === undefined ? "" : String(item.seq));
}
