// A list of any length. Only the visible rows are elements. All rows have the same height.

/** How many rows are kept ready above and below the visible ones. */
const SPARE = 6;

export class VirtualList {
  #source;
  #rowHeight;
  #make;
  #draw;
  #pool = [];
  #frame = 0;
  #version = 0;

  /**
   * `source` has `count`, `at(index)`, `keyOf(item)` and `indexOf(key)` (-1 if there is no such item). `make` returns a
   * new row; `draw` fills a row with an item. `selected` is called for each new selection, `opened` for Enter and for
   * clicks.
   */
  constructor(element, { source, rowHeight, make, draw, selected = () => {}, opened = () => {}, scrolled = () => {} }) {
    this.element = element;
    this.selection = null;
    this.#source = source;
    this.#rowHeight = rowHeight;
    this.#make = make;
    this.#draw = draw;
    this.selected = selected;
    this.opened = opened;
    this.space = document.createElement("div");
    this.space.className = "space";
    this.space.setAttribute("role", "presentation");
    element.append(this.space);
    element.addEventListener("scroll", () => {
      scrolled();
      this.refresh(false);
    });
    element.addEventListener("keydown", (event) => this.#pressed(event));
    element.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      const item = row && this.#source.at(row.index);
      if (!item) return;
      this.select(row.index);
      this.opened(item);
    });
    new ResizeObserver(() => this.refresh(false)).observe(element);
  }

  /** Redraws before the next frame. With `changed` false, it draws only the rows that became visible. */
  refresh(changed = true) {
    if (changed) this.#version += 1;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
    });
  }

  get atEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    return scrollTop + clientHeight >= scrollHeight - this.#rowHeight;
  }

  /** Adjusts the height to the current number of items, and scrolls to the last one. */
  toEnd() {
    this.#resize();
    this.element.scrollTop = this.element.scrollHeight;
    this.refresh();
  }

  /** Keeps the visible rows in place after `count` rows before them were removed. */
  removedFromFront(count) {
    this.element.scrollTop -= count * this.#rowHeight;
  }

  select(index) {
    const item = this.#source.at(index);
    if (!item) return;
    this.selection = this.#source.keyOf(item);
    const top = index * this.#rowHeight;
    const { scrollTop, clientHeight } = this.element;
    this.#resize();
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.#rowHeight > scrollTop + clientHeight) this.element.scrollTop = top + this.#rowHeight - clientHeight;
    this.selected(item);
    this.refresh();
  }

  selectKey(key) {
    this.selection = key;
    this.refresh();
  }

  get selectedItem() {
    const index = this.selection === null ? -1 : this.#source.indexOf(this.selection);
    return index < 0 ? null : this.#source.at(index);
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.#source.count - 1;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#rowHeight) - 1);
    const current = this.selection === null ? -1 : this.#source.indexOf(this.selection);
    const from = current >= 0 ? current : Math.ceil(this.element.scrollTop / this.#rowHeight) - 1;
    const target = {
      ArrowDown: from + 1,
      j: from + 1,
      ArrowUp: current >= 0 ? from - 1 : last,
      k: current >= 0 ? from - 1 : last,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      g: 0,
      End: last,
      G: last,
    }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      if (last >= 0) this.select(Math.max(0, Math.min(last, target)));
    } else if (event.key === "Enter" && this.selectedItem) {
      event.preventDefault();
      this.opened(this.selectedItem);
    }
  }

  #resize() {
    const height = `${this.#source.count * this.#rowHeight}px`;
    if (this.space.style.height !== height) this.space.style.height = height;
  }

  #render() {
    this.#resize();
    const count = this.#source.count;
    const { scrollTop, clientHeight } = this.element;
    const visible = Math.ceil(clientHeight / this.#rowHeight) + 2 * SPARE;
    const first = Math.max(0, Math.min(Math.floor(scrollTop / this.#rowHeight) - SPARE, count - visible));
    while (this.#pool.length < visible) this.#pool.push(this.#newRow());
    let active = null;
    const size = this.#pool.length;
    const used = new Set();
    for (let index = first; index < Math.min(count, first + visible); index += 1) {
      const row = this.#pool[index % size];
      used.add(row);
      const item = this.#source.at(index);
      const isSelected = this.#source.keyOf(item) === this.selection;
      if (isSelected) active = row.id;
      if (row.index === index && row.item === item && row.version === this.#version) continue;
      if (row.index !== index) row.style.transform = `translateY(${index * this.#rowHeight}px)`;
      row.setAttribute("aria-posinset", index + 1);
      row.setAttribute("aria-setsize", count);
      row.setAttribute("aria-selected", isSelected);
      this.#draw(row, item);
      Object.assign(row, { index, item, version: this.#version, hidden: false });
    }
    for (const row of this.#pool) {
      if (used.has(row)) continue;
      row.hidden = true;
      row.index = -1;
      row.item = null;
    }
    if (active) this.element.setAttribute("aria-activedescendant", active);
    else this.element.removeAttribute("aria-activedescendant");
  }

  #newRow() {
    const row = this.#make();
    row.id = `${this.element.id}-row-${this.#pool.length}`;
    row.setAttribute("role", "option");
    row.index = -1;
    this.space.append(row);
    return row;
  }
}
