// The rooms there are: searched, listed page by page, with their sizes and rates as they change.
import { byId, h, number, plural, setText } from "./dom.js";
import { VirtualList } from "./list.js";
import { Plot, Series } from "./plot.js";
import { askRooms } from "./server.js";

const ROW_HEIGHT = 44;
/** How long to wait for more letters before the server is asked, in milliseconds. */
const TYPING_PAUSE = 120;
/** How near to the last row the next page is asked for. */
const NEAR_END = 60;
/** How long after something was missed the rooms are asked for again, in milliseconds: at most so often. */
const SETTLE = 2_000;

/** Stands for all rooms together. */
const ALL = { id: null, name: "All rooms" };

export class RoomsPane {
  #rows = [];
  #places = new Map();
  #more = false;
  #total = 0;
  #asking = null;
  #timer = 0;
  #settling = 0;
  #series = new Map();
  #second = 0;
  #roomCount = 0;

  /** `chosen(row)` is told of the room to show; its `id` is `null` for all. */
  constructor({ chosen, failed }) {
    this.chosen = chosen;
    this.failed = failed;
    this.all = new Series();
    const source = {
      count: 1,
      at: (index) => (index === 0 ? ALL : this.#rows[index - 1]),
      keyOf: (row) => row.id ?? "",
      indexOf: (key) => (key === "" ? 0 : (this.#places.get(key) ?? -2) + 1),
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
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.reload(), TYPING_PAUSE);
    });
    search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "ArrowDown") return;
      event.preventDefault();
      byId("rooms").focus();
      if (search.value && this.#rows.length) this.list.select(1);
    });
  }

  /** Asks for the first page anew. */
  async reload() {
    await this.#ask();
    byId("rooms").scrollTop = 0;
  }

  /** Asks anew, soon, for as many rooms as are known: who came and went was not told. */
  refresh() {
    this.#settling ||= setTimeout(async () => {
      await this.#ask(undefined, this.#rows.length);
      this.#settling = 0;
    }, SETTLE);
  }

  /** Takes in what the feed tells of rooms that come and go, and of who is in them. */
  add(notices) {
    let changed = false;
    for (const { kind, roomId, size, name, maxSize } of notices) {
      const place = this.#places.get(roomId);
      if ((kind === "joined" || kind === "left") && place !== undefined) {
        this.#rows[place].size = size;
        changed = true;
      } else if (kind === "deleted" && place !== undefined) {
        this.#rows.splice(place, 1);
        this.#total -= 1;
        this.#index();
        changed = true;
      } else if (kind === "created" && place === undefined && this.#matches(roomId, name)) {
        this.#insert({ id: roomId, name, size: 0, maxSize });
        changed = true;
      }
    }
    if (changed) this.#changed();
  }

  /** Takes in the rates of a second. */
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
  minute(room) {
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
    return this.#rows[this.#places.get(id)];
  }

  #matches(id, name = "") {
    const wanted = byId("rooms-search").value.trim().toLowerCase();
    return id.toLowerCase().includes(wanted) || name.toLowerCase().includes(wanted);
  }

  #insert(row) {
    this.#total += 1;
    const place = this.#rows.findIndex(({ id }) => id > row.id);
    // Behind the last row that is known there may be others before it.
    if (place < 0 && this.#more) return;
    this.#rows.splice(place < 0 ? this.#rows.length : place, 0, row);
    this.#index();
  }

  #index() {
    this.#places = new Map(this.#rows.map(({ id }, place) => [id, place]));
  }

  #maybeMore() {
    const { scrollTop, clientHeight } = byId("rooms");
    const lastVisible = (scrollTop + clientHeight) / ROW_HEIGHT;
    if (this.#more && !this.#asking && lastVisible > this.#rows.length - NEAR_END) this.#ask(this.#rows.at(-1)?.id);
  }

  /** Asks for the rooms after `after`, or for all anew: for a page of them, or as many as make `least`. */
  async #ask(after, least = 0) {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const next = (after) => askRooms(byId("rooms-search").value.trim(), after, asking.signal);
    try {
      let page = await next(after);
      const { rooms, total } = page;
      while (page.more && rooms.length < least) {
        page = await next(rooms.at(-1).id);
        rooms.push(...page.rooms);
      }
      this.#rows = after === undefined ? rooms : [...this.#rows, ...rooms.filter(({ id }) => !this.#places.has(id))];
      this.#more = page.more;
      if (after === undefined) this.#total = total;
      this.#index();
      this.#changed();
    } catch (error) {
      if (error.name !== "AbortError") this.failed(error);
    } finally {
      if (this.#asking === asking) this.#asking = null;
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
    setText(row.parts.id, id === null ? "Every event" : id === name ? "" : id);
    const full = maxSize ? `/${number(maxSize)}` : "";
    setText(row.parts.size, id === null ? "" : `${number(size)}${full}`);
    row.parts.size.title = id === null ? "" : plural(size, "client");
    row.classList.toggle("all", id === null);
    row.classList.toggle("idle", id !== null && size === 0);
    const values = this.minute(id);
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
