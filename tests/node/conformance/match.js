// The values of a script: placeholders, spreads and optional fields. Fills them in for what a script sends, and compares
// them with what a client did. docs/conformance/README.md defines them.

/** The value with every placeholder filled in. Throws for a placeholder without a value. */
export function fill(value, bound) {
  if (typeof value === "string" && value.startsWith("$")) {
    if (!bound.has(value)) throw new Error(`${value} has no value here`);
    return bound.get(value);
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, bound));
  if (typeof value !== "object" || value === null) return value;
  const filled = {};
  for (const [name, field] of Object.entries(spread(value, bound))) {
    if (!name.endsWith("?")) filled[name] = fill(field, bound);
    else if (bound.has(field)) filled[name.slice(0, -1)] = bound.get(field);
  }
  return filled;
}

/** Returns why a value is not what a script expects, or undefined if it is. Gives unbound placeholders their values. */
export function mismatch(expected, actual, bound, path = "") {
  const differs = () => `${path || "the whole"}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`;
  if (expected === "$any") return actual === undefined ? differs() : undefined;
  if (typeof expected === "string" && expected.startsWith("$")) {
    if (actual === undefined) return differs();
    if (bound.has(expected)) return mismatch(bound.get(expected), actual, bound, path);
    bound.set(expected, actual);
    return undefined;
  }
  if (typeof expected !== "object" || expected === null) return expected === actual ? undefined : differs();
  if (typeof actual !== "object" || actual === null) return differs();
  if (expected.$set) return Array.isArray(actual) ? mismatchOfSets(expected.$set, actual, bound, path) : differs();
  if (Array.isArray(expected) !== Array.isArray(actual)) return differs();
  if (Array.isArray(expected) && expected.length !== actual.length) return differs();
  const names = new Set();
  for (const [name, field] of Object.entries(spread(expected, bound))) {
    const plain = name.replace(/\?$/, "");
    names.add(plain);
    if (name !== plain && actual[plain] === undefined) continue;
    const found = mismatch(field, actual[plain], bound, `${path}/${plain}`);
    if (found) return found;
  }
  const extra = Object.keys(actual).find((name) => !names.has(name));
  return extra === undefined ? undefined : `${path}/${extra}: not expected, got ${JSON.stringify(actual[extra])}`;
}

/** Like `mismatch`, for lists in any order. */
export function mismatchOfSets(expected, actual, bound, path = "") {
  const left = [...actual];
  for (const item of expected) {
    const index = left.findIndex((candidate) => {
      const attempt = new Map(bound);
      if (mismatch(item, candidate, attempt) !== undefined) return false;
      for (const entry of attempt) bound.set(...entry);
      return true;
    });
    if (index < 0) return `${path || "the whole"}: ${JSON.stringify(item)} is not in ${JSON.stringify(left)}`;
    left.splice(index, 1);
  }
  return left.length === 0 ? undefined : `${path || "the whole"}: not expected: ${JSON.stringify(left)}`;
}

/** The fields of an object, with those of the object that its field `...` names. Fields of its own win. */
function spread({ "...": name, ...fields }, bound) {
  return name === undefined ? fields : { ...bound.get(name), ...fields };
}
