// Rates over the last minute, and their small plots.

const SECONDS = 60;
const NAMESPACE = "http://www.w3.org/2000/svg";

/** One number per second, for the last minute. */
export class Series {
  #values = new Array(SECONDS).fill(0);
  #second = 0;

  /** Stores the value of a second. The seconds since the previous one count as 0. */
  note(second, value) {
    this.#advance(second);
    this.#values[second % SECONDS] = value;
  }

  /** The values up to `second`, oldest first. */
  until(second) {
    this.#advance(second);
    const start = (second + 1) % SECONDS;
    return [...this.#values.slice(start), ...this.#values.slice(0, start)];
  }

  #advance(second) {
    const gap = Math.min(SECONDS, second - this.#second);
    for (let past = 0; past < gap; past += 1) this.#values[(second - past) % SECONDS] = 0;
    this.#second = Math.max(this.#second, second);
  }
}

function svg(tag, attributes) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A plot without axes. [`draw`](Plot.draw) fills it. */
export class Plot {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.area = svg("path", { class: "area" });
    this.line = svg("path", { class: "line" });
    this.element = svg("svg", {
      class: "plot",
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
    this.element.append(this.area, this.line);
  }

  draw(values, max = Math.max(1, ...values)) {
    const step = this.width / (values.length - 1);
    const room = this.height - 2;
    const points = values.map((value, index) => {
      const y = this.height - 1 - (value / max) * room;
      return `${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    });
    const line = `M${points.join("L")}`;
    if (line === this.drawn) return;
    this.drawn = line;
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", `${line}L${this.width} ${this.height}L0 ${this.height}Z`);
  }
}

/** The end of a plot's scale: the next of 1, 2, 5, 10, 20, … at or above a value. */
export function scaleEnd(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((end) => end >= value);
}
