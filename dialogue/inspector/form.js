// A form that is made from a schema. Each part can be read, and can show the server's errors for it.
import { h } from "./dom.js";
import { MAX_DEPTH, fits, hint, initial, resolve, shapeOf } from "./schema.js";

/** The error for text in a JSON field that isn't JSON. */
export class NotJson extends Error {}

let ids = 0;
const nextId = () => `field-${(ids += 1)}`;

/** A form for data of this schema. `value` is its initial content, if given. */
export class Form {
  constructor(schema, value) {
    const shape = shapeOf(schema ?? {}, schema ?? {});
    const context = { root: schema ?? {}, depth: 0 };
    this.root = node(control(shape, context, value === undefined ? initial(shape, context.root) : value));
    this.element = h("div", { class: "form" }, this.root.element);
  }

  /** The current data. Throws [`NotJson`] if a JSON field does not hold JSON, and shows the error there. */
  read() {
    this.root.clear();
    return this.root.read();
  }

  /** Shows each violation at its part of the form, or at the nearest part around it, and focuses the first. */
  show(violations) {
    this.root.clear();
    for (const { path, message } of violations) {
      let part = this.root;
      for (const step of pointer(path)) {
        const inner = part.child?.(step);
        if (!inner) break;
        part = inner;
      }
      part.addError(message);
    }
    this.element.querySelector("[aria-invalid=true]")?.focus();
  }
}

const pointer = (path) => path.split("/").slice(1).map((step) => step.replace(/~1/g, "/").replace(/~0/g, "~"));

/** A control with a place for its errors. */
function node(inner, ...above) {
  const error = h("p", { class: "error", id: nextId(), hidden: true });
  const { target } = inner;
  const mark = (wrong) => {
    if (!target) return;
    if (wrong) target.setAttribute("aria-invalid", "true");
    else target.removeAttribute("aria-invalid");
  };
  target?.setAttribute("aria-describedby", error.id);
  const self = {
    element: h("div", { class: "part" }, ...above, inner.element, error),
    inner,
    read() {
      try {
        return inner.read();
      } catch (problem) {
        if (problem instanceof NotJson && !problem.shown) {
          problem.shown = true;
          self.addError(problem.message);
        }
        throw problem;
      }
    },
    child: (step) => inner.child?.(step),
    addError(message) {
      error.textContent = error.textContent ? `${error.textContent}; ${message}` : message;
      error.hidden = false;
      mark(true);
    },
    clear() {
      error.textContent = "";
      error.hidden = true;
      mark(false);
      for (const part of inner.parts?.() ?? []) part.clear();
    },
  };
  return self;
}

/** The control of a shape: `{element, read, target?, child?, parts?}`. `target` is the element that a label belongs to. */
function control(shape, context, value) {
  if (context.depth > MAX_DEPTH) return any(value);
  const make = { constant, choice, text, number, boolean, nullable, variants, object, map, list, tuple }[shape.kind];
  if (shape.kind === "null") return constant({ value: null });
  return make ? make(shape, context, value) : any(value);
}

const deeper = (context) => ({ ...context, depth: context.depth + 1 });

function inside(schema, context, value) {
  const shape = shapeOf(schema, context.root);
  return [shape, control(shape, deeper(context), value === undefined ? initial(shape, context.root, context.depth) : value)];
}

function constant({ value }) {
  return { element: h("output", { class: "constant" }, JSON.stringify(value)), read: () => value };
}

function choice({ options }, context, value) {
  const chosen = options.findIndex((option) => option.value === value);
  const select = h(
    "select",
    { id: nextId() },
    options.map(({ value, description }, index) => {
      return h("option", { value: index, selected: index === chosen, title: description }, String(value));
    }),
  );
  return { element: select, target: select, read: () => options[select.value]?.value };
}

function text({ schema }, context, value) {
  const long = (schema.maxLength ?? 0) > 200 || String(value ?? "").length > 60;
  const properties = { id: nextId(), value: value ?? "", spellcheck: false, autocomplete: "off" };
  const input = long ? h("textarea", { ...properties, rows: 2 }) : h("input", { ...properties, type: "text" });
  return { element: input, target: input, read: () => input.value };
}

function number({ whole }, context, value) {
  const input = h("input", {
    id: nextId(),
    type: "text",
    inputMode: whole ? "numeric" : "decimal",
    value: value ?? "",
    autocomplete: "off",
    class: "digits",
  });
  // Text that isn't a number is sent unchanged: the server reports the mistake.
  const read = () => {
    const typed = input.value.trim();
    return typed === "" ? null : Number.isFinite(Number(typed)) ? Number(typed) : typed;
  };
  return { element: input, target: input, read };
}

function boolean(shape, context, value) {
  const box = h("input", { id: nextId(), type: "checkbox", checked: value === true });
  const said = h("span", {}, String(box.checked));
  box.addEventListener("change", () => (said.textContent = String(box.checked)));
  return { element: h("label", { class: "check" }, box, said), target: box, read: () => box.checked };
}

function any(value) {
  const properties = { id: nextId(), class: "raw", rows: 3, spellcheck: false, value: JSON.stringify(value ?? null, null, 2) };
  const area = h("textarea", properties);
  return { element: area, target: area, read: () => parse(area.value) };
}

/** Reads JSON. Empty text means `null`. */
export function parse(typed) {
  try {
    return typed.trim() === "" ? null : JSON.parse(typed);
  } catch (error) {
    throw new NotJson(`This is not JSON: ${error.message}`);
  }
}

function nullable({ inner: shape }, context, value) {
  const inner = node(control(shape, deeper(context), value ?? initial(shape, context.root, context.depth)));
  const box = h("input", { id: nextId(), type: "checkbox", checked: value === null || value === undefined });
  const update = () => (inner.element.hidden = box.checked);
  box.addEventListener("change", update);
  update();
  return {
    element: h("div", { class: "nullable" }, inner.element, h("label", { class: "check" }, box, h("span", {}, "null"))),
    target: inner.inner.target,
    read: () => (box.checked ? null : inner.read()),
    child: inner.child,
    parts: () => [inner],
  };
}

function variants({ variants: all }, context, value) {
  const fitting = all.findIndex(({ shape }) => fits(shape, value, context.root));
  const place = h("div", { class: "variant" });
  let inner;
  const fill = (index, value) => {
    const { shape } = all[index];
    inner = node(control(shape, deeper(context), value === undefined ? initial(shape, context.root, context.depth) : value));
    place.replaceChildren(inner.element);
  };
  const select = h(
    "select",
    { id: nextId(), onchange: () => fill(Number(select.value)) },
    all.map(({ name }, index) => h("option", { value: index, selected: index === fitting }, name)),
  );
  fill(Math.max(0, fitting), fitting < 0 ? undefined : value);
  return {
    element: h("div", { class: "variants" }, select, place),
    target: select,
    read: () => inner.read(),
    child: (step) => inner.child(step),
    parts: () => [inner],
  };
}

function object({ fields }, context, value) {
  const nodes = new Map();
  const elements = fields.map((field) => {
    const given = value?.[field.name];
    const [shape, inner] = inside(field.schema, context, given);
    // There is no choice, as for a variant's tag, so the field isn't shown.
    if (shape.kind === "constant" && field.required) return nodes.set(field.name, node(inner)) && null;
    const about = resolve(field.schema, context.root).description;
    const tag = inner.target ? "label" : "span";
    const name = h(tag, { class: "name", for: inner.target?.id }, field.name);
    const head = h("div", { class: "head" }, name, h("span", { class: "hint" }, hint(shape)));
    const part = node(inner, about && h("p", { class: "about" }, about));
    if (!field.required) {
      const box = h("input", { type: "checkbox", checked: given !== undefined, "aria-label": `Send ${field.name}` });
      const update = () => (part.element.hidden = !box.checked);
      box.addEventListener("change", update);
      update();
      head.prepend(box);
      part.sent = () => box.checked;
    }
    nodes.set(field.name, part);
    return h("div", { class: "field", role: inner.target ? null : "group", "aria-label": inner.target ? null : field.name }, head, part.element);
  });
  const empty = fields.length === 0 && h("p", { class: "about" }, "An object without fields.");
  return {
    element: h("div", { class: context.depth && elements.some(Boolean) ? "object nested" : "object" }, empty, elements.filter(Boolean)),
    read: () => {
      const sent = [...nodes].filter(([, part]) => part.sent?.() ?? true);
      return Object.fromEntries(sent.map(([name, part]) => [name, part.read()]));
    },
    child: (step) => nodes.get(step),
    parts: () => nodes.values(),
  };
}

/** Adds a button that removes the row. */
function removable(row, what, remove) {
  row.append(h("button", { type: "button", class: "quiet", title: `Remove ${what}`, "aria-label": `Remove ${what}`, onclick: remove }, "✕"));
  return row;
}

function list({ item, max }, context, value) {
  const rows = [];
  const place = h("div", { class: "rows" });
  const add = (value, focus = false) => {
    const [, inner] = inside(item, context, value);
    const row = { part: node(inner) };
    row.element = removable(h("div", { class: "row-of-list" }, row.part.element), "this item", () => {
      rows.splice(rows.indexOf(row), 1);
      row.element.remove();
      more.disabled = rows.length >= max;
      more.focus();
    });
    rows.push(row);
    place.append(row.element);
    more.disabled = rows.length >= max;
    if (focus) row.element.querySelector("input, select, textarea")?.focus();
  };
  const more = h("button", { type: "button", class: "small", onclick: () => add(undefined, true) }, "Add an item");
  for (const one of Array.isArray(value) ? value : []) add(one);
  return {
    element: h("div", { class: "many" }, place, more),
    read: () => rows.map(({ part }) => part.read()),
    child: (step) => rows[Number(step)]?.part,
    parts: () => rows.map(({ part }) => part),
  };
}

function map({ item }, context, value) {
  const rows = [];
  const place = h("div", { class: "rows" });
  const add = (name, value) => {
    const [, inner] = inside(item, context, value);
    const key = h("input", { type: "text", value: name, placeholder: "name", "aria-label": "Name", autocomplete: "off" });
    const row = { key, part: node(inner) };
    inner.target?.setAttribute("aria-label", "Value");
    row.element = removable(h("div", { class: "row-of-list pair" }, key, row.part.element), "this entry", () => {
      rows.splice(rows.indexOf(row), 1);
      row.element.remove();
      more.focus();
    });
    rows.push(row);
    place.append(row.element);
    if (name === "") key.focus();
  };
  const more = h("button", { type: "button", class: "small", onclick: () => add("") }, "Add an entry");
  for (const [name, one] of Object.entries(value ?? {})) add(name, one);
  return {
    element: h("div", { class: "many" }, place, more),
    read: () => Object.fromEntries(rows.map(({ key, part }) => [key.value, part.read()])),
    child: (step) => rows.find(({ key }) => key.value === step)?.part,
    parts: () => rows.map(({ part }) => part),
  };
}

function tuple({ items }, context, value) {
  const parts = items.map((item, index) => node(inside(item, context, value?.[index])[1]));
  return {
    element: h("div", { class: "rows" }, parts.map(({ element }) => element)),
    read: () => parts.map((part) => part.read()),
    child: (step) => parts[Number(step)],
    parts: () => parts,
  };
}
