// Notices of events outside of the client's rooms, and of errors, as the handlers of the client receive them.

import { HandlerQueue } from "./handler.js";
import { Listeners, reportGlobally } from "./listeners.js";

/** The client's own handlers, and the queue in which the handlers of the client and of its rooms wait. */
export class Notices {
  queue = new HandlerQueue();
  listeners = new Listeners((error) => this.report(error));

  /**
   * @param {string} name
   * @param {unknown} argument
   */
  notify(name, argument) {
    this.queue.add(() => this.listeners.call(name, argument));
  }

  /**
   * A failed attempt to connect is not an error of the program, so without a handler it is only a line in the console.
   *
   * @param {Error} error
   */
  reportFailedAttempt(error) {
    if (!this.listeners.has("error")) console.warn(error.message);
    else this.notify("error", error);
  }

  /** @param {unknown} error */
  report(error) {
    if (!this.listeners.has("error")) reportGlobally(error);
    else this.notify("error", error);
  }
}
