// What a test does at its end.
const deferred = new WeakMap();

/** Calls a function at the end of a test, in the reverse order: clients leave before their server stops. */
export function defer(t, last) {
  if (!deferred.has(t)) {
    deferred.set(t, []);
    t.after(async () => {
      for (const call of deferred.get(t).reverse()) await call();
    });
  }
  deferred.get(t).push(last);
}
