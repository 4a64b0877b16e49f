// The list of rooms: searchable, fetched page by page, with sizes and rates as they change.
import { byId, h, number, plural, setText } from "./dom.js";
import { VirtualList } from "./list.js";
import { Plot, Series } from "./plot.js";
import { askRooms } from "./server.js";

const ROW_HEIGHT = 44;
/** How long the page waits for more letters before it asks the server, in milliseconds. */
const TYPING_PAUSE = 120;
/** How many rows before the last one the page fetches the next page. */
const NEAR_END = 60;
/** How long after missed notices the page fetches the rooms again, in milliseconds. It is also the shortest interval. */
const REFRESH_DELAY = 2_000;

/** The row for all rooms together. */
const ALL = { id: null, name: "All rooms" };

export class RoomsPane {
  #rows = [];
  #positions = new Map();
  #more = false;
  #total = 0;
  #request = null;
  #typingTimer = 0;
  #refreshTimer = 0;
  #series = new Map();
  #second = 0;
  #roomCount = 0;

  /** `chosen(row)` receives the room to show. Its `id` is `null` for all rooms. */
  constructor({ chosen, failed }) {
    this.chosen = chosen;
    this.failed = failed;
    this.all = new Series();
    const source = {
      count: 1,
      at: (index) => (index === 0 ? ALL : this.#rows[index - 1]),
      keyOf: (row) => row.id ?? "",
      indexOf: (key) => (key === "" ? 0 : (this.#positions.get(key) ?? -2) + 1),
    };
    this.source = source;
    this.list = new VirtualList(byId("rooms"), {
      source,
      rowHeight: ROW_HEIGHT,
      make: makeRow,
      draw: (row, item) => this.#draw(row, item),
      selected: (row) => this.chosen(row),
      opened: (row) => this.chosen(row, true),
      scrolled: () => this.#maybeMore(),
    });
    this.list.selectKey("");
    const search = byId("rooms-search");
    search.addEventListener("input", () => {
      clearTimeout(this.#typingTimer);
      this.#typingTimer = setTimeout(() => this.reload(), TYPING_PAUSE);
    });
    search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "ArrowDown") return;
      event.preventDefault();
      byId("rooms").focus();
      if (search.value && this.#rows.length) this.list.select(1);
    });
  }

  /** Fetches the first page again. */
  async reload() {
    await this.#ask();
    byId("rooms").scrollTop = 0;
  }

  /** Soon fetches as many rooms as are listed again, because the page missed some joins and leaves. */
  refresh() {
    this.#refreshTimer ||= setTimeout(async () => {
      await this.#ask(undefined, this.#rows.length);
      this.#refreshTimer = 0;
    }, REFRESH_DELAY);
  }

  /** Handles notices from the feed about new and deleted rooms, and about joins and leaves. */
  add(notices) {
    let changed = false;
    for (const { kind, roomId, size, name, maxSize } of notices) {
      const position = this.#positions.get(roomId);
      if ((kind === "joined" || kind === "left") && position !== undefined) {
        this.#rows[position].size = size;
        changed = true;
      } else if (kind === "deleted" && position !== undefined) {
        this.#rows.splice(position, 1);
        this.#total -= 1;
        this.#index();
        changed = true;
      } else if (kind === "created" && position === undefined && this.#matches(roomId, name)) {
        this.#insert({ id: roomId, name, size: 0, maxSize });
        changed = true;
      }
    }
    if (changed) this.#changed();
  }

  /** Stores the rates of a second. */
  rates({ at, events, rooms, roomCount }) {
    this.#second = Math.floor(at / 1000);
    this.#roomCount = roomCount;
    this.all.note(this.#second, events);
    for (const [room, count] of Object.entries(rooms)) {
      if (!this.#series.has(room)) this.#series.set(room, new Series());
      this.#series.get(room).note(this.#second, count);
    }
    for (const [room, series] of this.#series) {
      if (series.until(this.#second).every((value) => value === 0)) this.#series.delete(room);
    }
    this.list.refresh();
    this.#drawFoot();
  }

  /** The events of a room (or of all, for `null`) in each second of the last minute. */
  lastMinute(room) {
    const series = room === null ? this.all : this.#series.get(room);
    return series?.until(this.#second);
  }

  /** The rooms with the most events in the last minute: `[id, count]`. */
  busiest(count) {
    const sums = [...this.#series].map(([room, series]) => {
      return [room, series.until(this.#second).reduce((sum, value) => sum + value, 0)];
    });
    return sums.sort((a, b) => b[1] - a[1]).slice(0, count);
  }

  row(id) {
    return this.#rows[this.#positions.get(id)];
  }

  #matches(id, name = "") {
    const wanted = byId("rooms-search").value.trim().toLowerCase();
    return id.toLowerCase().includes(wanted) || name.toLowerCase().includes(wanted);
  }

  #insert(row) {
    this.#total += 1;
    const position = this.#rows.findIndex(({ id }) => id > row.id);
    // The room comes after the last listed row, and other rooms that are not fetched yet may come before it.
    if (position < 0 && this.#more) return;
    this.#rows.splice(position < 0 ? this.#rows.length : position, 0, row);
    this.#index();
  }

  #index() {
    this.#positions = new Map(this.#rows.map(({ id }, position) => [id, position]));
  }

  #maybeMore() {
    const { scrollTop, clientHeight } = byId("rooms");
    const lastVisible = (scrollTop + clientHeight) / ROW_HEIGHT;
    if (this.#more && !this.#request && lastVisible > this.#rows.length - NEAR_END) this.#ask(this.#rows.at(-1)?.id);
  }

  /** Fetches the rooms after `after`, or from the first one: one page, or as many pages as make `least` rooms. */
  async #ask(after, least = 0) {
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    const next = (after) => askRooms(byId("rooms-search").value.trim(), after, request.signal);
    try {
      let page = await next(after);
      const { rooms, total } = page;
      while (page.more && rooms.length < least) {
        page = await next(rooms.at(-1).id);
        rooms.push(...page.rooms);
      }
      this.#rows = after === undefined ? rooms : [...this.#rows, ...rooms.filter(({ id }) => !this.#positions.has(id))];
      this.#more = page.more;
      if (after === undefined) this.#total = total;
      this.#index();
      this.#changed();
    } catch (error) {
      if (error.name !== "AbortError") this.failed(error);
    } finally {
      if (this.#request === request) this.#request = null;
    }
  }

  #changed() {
    this.source.count = this.#rows.length + 1;
    this.list.refresh();
    this.#drawFoot();
  }

  #drawFoot() {
    const all = Math.max(this.#roomCount, this.#total);
    setText(byId("rooms-foot"), this.#total === all ? plural(all, "room") : `${number(this.#total)} of ${plural(all, "room")}`);
  }

  #draw(row, { id, name, size, maxSize }) {
    setText(row.parts.name, name);
    setText(row.parts.id, id === null ? "Events of every room" : id === name ? "" : id);
    const full = maxSize ? `/${number(maxSize)}` : "";
    setText(row.parts.size, id === null ? "" : `${number(size)}${full}`);
    row.parts.size.title = id === null ? "" : plural(size, "client");
    row.classList.toggle("all", id === null);
    row.classList.toggle("idle", id !== null && size === 0);
    const values = this.lastMinute(id);
    row.plot.element.classList.toggle("silent", !values);
    if (values) row.plot.draw(values);
  }
}

function makeRow() {
  const row = h("div", { class: "row" });
  row.parts = { name: h("span", { class: "title" }), id: h("span", { class: "id" }), size: h("span", { class: "size" }) };
  row.plot = new Plot(52, 18);
  row.append(h("span", { class: "names" }, row.parts.name, row.parts.id), row.plot.element, row.parts.size);
  return row;
}
