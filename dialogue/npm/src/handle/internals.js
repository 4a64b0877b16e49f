// Where handles keep what they hide. Frameworks with reactive state wrap each object that a program stores in a proxy,
// and a proxy has no private fields. So a handle has one hidden function, which works with any `this`: a proxy passes
// functions on as they are.

const INTERNALS = Symbol("internals");

/**
 * @param {object} handle
 * @param {unknown} internals
 */
export function hide(handle, internals) {
  Object.defineProperty(handle, INTERNALS, { value: () => internals, configurable: true });
}

/**
 * What a handle hides, also if it is wrapped in a proxy.
 *
 * @param {any} handle
 */
export function internalsOf(handle) {
  return handle[INTERNALS]();
}
