// Translates a JSON Schema (draft 2020-12) into the shape of a form. Does not touch elements.

/** The deepest level that has form fields. Below it, the form shows JSON, because schemas may refer to themselves. */
export const MAX_DEPTH = 8;

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether a schema allows any value. */
const saysNothing = (schema) => !isObject(schema) || Object.keys(schema).length === 0;

/** Whether a schema allows no value: such a property must be absent. */
const isNever = (schema) => isObject(schema?.not) && Object.keys(schema.not).length === 0;

/** A schema with its references resolved and its `allOf` merged. References are looked up in `root`. */
export function resolve(schema, root) {
  let current = isObject(schema) ? schema : {};
  for (let hops = 0; typeof current.$ref === "string" && hops < 32; hops += 1) {
    const { $ref, ...rest } = current;
    current = { ...pointed(root, $ref), ...rest };
  }
  if (!Array.isArray(current.allOf)) return current;
  const { allOf, ...rest } = current;
  return allOf.reduce((merged, part) => merge(merged, resolve(part, root)), rest);
}

function pointed(root, reference) {
  const steps = reference.replace(/^#\/?/, "").split("/").filter(Boolean);
  const target = steps.reduce((at, step) => at?.[decodeURIComponent(step).replace(/~1/g, "/").replace(/~0/g, "~")], root);
  return isObject(target) ? target : {};
}

function merge(one, other) {
  const merged = { ...one, ...other };
  if (one.properties || other.properties) merged.properties = { ...one.properties, ...other.properties };
  if (one.required || other.required) merged.required = [...new Set([...(one.required ?? []), ...(other.required ?? [])])];
  return merged;
}

/**
 * The shape of the form for a schema: `{kind, …}`. The kinds are `constant`, `choice`, `text`, `number`, `boolean`,
 * `null`, `nullable`, `variants`, `object`, `map`, `list`, `tuple`, and `any` for data that only JSON can express.
 */
export function shapeOf(given, root) {
  const schema = resolve(given, root);
  const of = (kind, rest) => ({ kind, schema, ...rest });
  if ("const" in schema) return of("constant", { value: schema.const });
  if (Array.isArray(schema.enum)) return choice(schema.enum.map((value) => ({ value })), of);
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (Array.isArray(alternatives)) return union(schema, alternatives, root, of);
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? implied(schema)];
  if (types.length > 1) {
    const parts = types.map((type) => ({ ...schema, type }));
    return union({}, parts, root, of);
  }
  switch (types[0]) {
    case "string":
      return of("text");
    case "integer":
    case "number":
      return of("number", { whole: types[0] === "integer" });
    case "boolean":
      return of("boolean");
    case "null":
      return of("null");
    case "array":
      return array(schema, of);
    case "object":
      return object(schema, of);
    default:
      return of("any");
  }
}

function implied(schema) {
  if (schema.properties) return "object";
  if (schema.items || schema.prefixItems) return "array";
  return undefined;
}

function choice(options, of) {
  const values = options.filter(({ value }) => value !== null);
  const inner = values.length === 1 ? of("constant", { value: values[0].value }) : of("choice", { options: values });
  if (values.length === 0) return of("null");
  return values.length < options.length ? of("nullable", { inner }) : inner;
}

/** The shape of alternatives: a value or null, one of several constants, or variants with their own forms. */
function union(schema, alternatives, root, of) {
  const { oneOf, anyOf, ...base } = schema;
  const shaped = alternatives.map((alternative) => {
    const resolved = resolve(alternative, root);
    const whole = base.properties || base.type === "object" ? merge(base, resolved) : resolved;
    return { schema: whole, shape: shapeOf(whole, root), title: alternative.title };
  });
  const some = shaped.filter(({ shape }) => shape.kind !== "null");
  if (some.length < shaped.length) {
    if (some.length === 0) return of("null");
    return of("nullable", { inner: some.length === 1 ? some[0].shape : alternativesOf(some, of) });
  }
  return some.length === 1 ? some[0].shape : alternativesOf(some, of);
}

function alternativesOf(shaped, of) {
  // An enum with documented variants has constants and lists of constants.
  const constants = shaped.flatMap(({ shape, schema }) => {
    if (shape.kind === "constant") return [{ value: shape.value, description: schema.description }];
    return shape.kind === "choice" ? shape.options : [null];
  });
  if (constants.every(Boolean)) return of("choice", { options: constants });
  const variants = shaped.map((variant, index) => ({ name: variantName(variant, index), shape: variant.shape }));
  return of("variants", { variants });
}

/** The name of a variant: its own title, its tag, the name of its type, or its kind. */
function variantName({ schema, shape, title }, index) {
  if (title) return title;
  if (shape.kind === "constant") return String(shape.value);
  if (shape.kind === "object") {
    const tag = shape.fields.find(({ schema }) => typeof schema?.const === "string");
    if (tag) return tag.schema.const;
    if (schema.title) return schema.title;
    const required = shape.fields.filter((field) => field.required);
    if (required.length === 1) return required[0].name;
  }
  return { text: "text", number: "number", boolean: "yes or no", list: "list", tuple: "list", map: "map" }[shape.kind] ?? `variant ${index + 1}`;
}

function array(schema, of) {
  if (Array.isArray(schema.prefixItems)) return of("tuple", { items: schema.prefixItems });
  if (saysNothing(schema.items)) return of("any");
  return of("list", { item: schema.items, min: schema.minItems ?? 0, max: schema.maxItems ?? Infinity });
}

function object(schema, of) {
  const required = new Set(schema.required ?? []);
  // Required fields come in the order of their declaration. The properties may have lost that order on the way.
  const possible = Object.keys(schema.properties ?? {}).filter((name) => !isNever(schema.properties[name]));
  const names = new Set([...required, ...possible]);
  const fields = [...names].map((name) => ({ name, schema: schema.properties?.[name] ?? {}, required: required.has(name) }));
  if (fields.length > 0) return of("object", { fields });
  const values = Object.values(schema.patternProperties ?? {})[0] ?? schema.additionalProperties;
  if (isObject(values) && !saysNothing(values)) return of("map", { item: values });
  return schema.additionalProperties === false ? of("object", { fields }) : of("any");
}

/** The initial value of a field with this shape. */
export function initial(shape, root, depth = 0) {
  const { schema } = shape;
  if (schema.default !== undefined) return schema.default;
  switch (shape.kind) {
    case "constant":
      return shape.value;
    case "choice":
      return shape.options[0].value;
    case "text":
      return "";
    case "number":
      return Math.max(0, schema.minimum ?? (schema.exclusiveMinimum ?? -1) + 1);
    case "boolean":
      return false;
    case "object":
      return Object.fromEntries(
        shape.fields
          .filter((field) => field.required && depth < MAX_DEPTH)
          .map((field) => [field.name, initial(shapeOf(field.schema, root), root, depth + 1)]),
      );
    case "map":
      return {};
    case "list":
      if (depth >= MAX_DEPTH) return [];
      return Array.from({ length: Math.min(shape.min, 20) }, () => initial(shapeOf(shape.item, root), root, depth + 1));
    case "tuple":
      if (depth >= MAX_DEPTH) return [];
      return shape.items.map((item) => initial(shapeOf(item, root), root, depth + 1));
    case "variants":
      return initial(shape.variants[0].shape, root, depth + 1);
    default:
      return null;
  }
}

/** Whether a value looks like this shape. The form chooses the variant for a value by it. */
export function fits(shape, value, root, depth = 0) {
  const all = (pairs) => pairs.every(([schema, part]) => depth > MAX_DEPTH || fits(shapeOf(schema, root), part, root, depth + 1));
  switch (shape.kind) {
    case "constant":
      return value === shape.value;
    case "choice":
      return shape.options.some((option) => option.value === value);
    case "text":
      return typeof value === "string";
    case "number":
      return typeof value === "number" && (!shape.whole || Number.isInteger(value));
    case "boolean":
      return typeof value === "boolean";
    case "null":
      return value === null;
    case "nullable":
      return value === null || fits(shape.inner, value, root, depth + 1);
    case "variants":
      return shape.variants.some((variant) => fits(variant.shape, value, root, depth + 1));
    case "object":
      if (!isObject(value) || Object.keys(value).some((name) => !shape.fields.some((field) => field.name === name))) return false;
      return shape.fields.every((field) => (field.name in value ? all([[field.schema, value[field.name]]]) : !field.required));
    case "map":
      return isObject(value) && all(Object.values(value).map((part) => [shape.item, part]));
    case "list":
      return Array.isArray(value) && all(value.map((part) => [shape.item, part]));
    case "tuple":
      return Array.isArray(value) && value.length === shape.items.length && all(value.map((part, index) => [shape.items[index], part]));
    default:
      return true;
  }
}

/** A short description of the values that a schema allows: `integer, 1–40`. */
export function hint(shape) {
  const { schema } = shape;
  const parts = [];
  const range = (low, high) => {
    if (low !== undefined && high !== undefined) return low === high ? `${low}` : `${short(low)}–${short(high)}`;
    return low !== undefined ? `≥ ${short(low)}` : high !== undefined ? `≤ ${short(high)}` : null;
  };
  if (shape.kind === "text") {
    parts.push(schema.format ?? "text");
    const length = range(schema.minLength, schema.maxLength);
    if (length) parts.push(`${length} characters`);
    if (schema.pattern) parts.push(schema.pattern);
  } else if (shape.kind === "number") {
    parts.push(shape.whole ? "integer" : "number");
    parts.push(range(schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum));
  } else if (shape.kind === "list") {
    const count = range(schema.minItems, schema.maxItems);
    parts.push(count ? `list of ${count}` : "list");
  } else if (shape.kind === "nullable") {
    parts.push(hint(shape.inner), "or null");
  } else {
    parts.push({ boolean: "yes or no", choice: "choice", variants: "one of", map: "map", any: "JSON", null: "null" }[shape.kind]);
  }
  return parts.filter(Boolean).join(", ");
}

const short = (value) => (Math.abs(value) >= 1e6 ? Number(value).toExponential(2).replace("e+", "e") : String(value));
