// What a handle keeps until the program attaches the handlers for it. Pure.

/**
 * @typedef RoomItem what the handlers of a room are called with
 * @property {"event" | "erased" | "history" | "recovered" | "left"} kind
 * @property {any} argument
 */

/** @typedef {{ item: RoomItem, sizes: number[] }} BacklogEntry an item with the sizes of its events */

// By default, a server sends 300 events or 512 KiB to a client that joins. This is about twice as much, for the live
// events that follow.
const MAX_ITEMS = 600;
const MAX_BYTES = 1024 * 1024;

/** The items that no handler has received yet, oldest first. Beyond the limits, the oldest are dropped. */
export class Backlog {
  missed = 0; // how many events were dropped
  /** @type {Set<BacklogEntry>} */
  #entries = new Set();
  #count = 0;
  #bytes = 0;

  /** @param {RoomItem} item */
  keep(item) {
    const sizes = eventsOf(item).map(sizeOf);
    this.#entries.add({ item, sizes });
    this.#count += countOf(sizes);
    this.#bytes += sum(sizes);
    while (this.#count > MAX_ITEMS || this.#bytes > MAX_BYTES) this.#dropOldest();
  }

  /**
   * Whether it has an item that somebody wants.
   *
   * @param {(item: RoomItem) => boolean} isWanted
   */
  has(isWanted) {
    return [...this.#entries].some(({ item }) => isWanted(item));
  }

  /**
   * Takes the items out, one after another, that somebody wants when it is their turn.
   *
   * @param {(item: RoomItem) => boolean} isWanted
   */
  *take(isWanted) {
    for (const entry of this.#entries) {
      if (!isWanted(entry.item)) continue;
      this.#remove(entry);
      yield entry.item;
    }
  }

  clear() {
    this.#entries.clear();
    this.#count = 0;
    this.#bytes = 0;
  }

  #dropOldest() {
    const [oldest] = this.#entries;
    if (!oldest) return;
    const { item, sizes } = oldest;
    if (item.kind === "event" || sizes.length > 0) this.missed += 1;
    if (item.kind !== "history" || sizes.length === 0) return this.#remove(oldest);
    this.#count -= countOf(sizes);
    this.#bytes -= sizes.shift() ?? 0;
    this.#count += countOf(sizes);
    item.argument.events.shift();
  }

  /** @param {BacklogEntry} entry */
  #remove(entry) {
    this.#entries.delete(entry);
    this.#count -= countOf(entry.sizes);
    this.#bytes -= sum(entry.sizes);
  }
}

/** @param {RoomItem} item */
function eventsOf({ kind, argument }) {
  if (kind === "history") return argument.events;
  return kind === "event" ? [argument] : [];
}

/**
 * How many items an entry counts for.
 *
 * @param {number[]} sizes
 */
const countOf = (sizes) => Math.max(1, sizes.length);

/** @param {unknown} event */
const sizeOf = (event) => JSON.stringify(event).length;

/** @param {number[]} sizes */
const sum = (sizes) => sizes.reduce((total, size) => total + size, 0);
