// Handlers that a program has attached, by the name of what they handle.

/** Handlers by the name of what they handle. The failure of a handler is reported, and the others are still called. */
export class Listeners {
  /** @type {Map<string, Set<{ handler: (argument: any) => unknown }>>} */
  #handlers = new Map();
  #report;

  /** @param {(error: unknown) => void} report */
  constructor(report) {
    this.#report = report;
  }

  /**
   * @param {string} name
   * @param {(argument: any) => unknown} handler
   */
  add(name, handler) {
    const entry = { handler };
    const entries = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, entries.add(entry));
    return () => {
      entries.delete(entry);
      if (entries.size === 0 && this.#handlers.get(name) === entries) this.#handlers.delete(name);
    };
  }

  /** @param {string} name */
  has(name) {
    return this.#handlers.has(name);
  }

  /**
   * @param {string} name
   * @param {unknown} argument
   */
  call(name, argument) {
    // A failure in an error handler has no other handler to go to.
    const report = name === "error" ? reportGlobally : this.#report;
    const entries = this.#handlers.get(name) ?? new Set();
    for (const entry of [...entries]) {
      if (!entries.has(entry)) continue; // an earlier handler removed it
      try {
        const result = entry.handler(argument);
        if (result instanceof Promise) result.catch(report);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** @param {unknown} error */
export function reportGlobally(error) {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
