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

  /** @param {unknown} error */
  report(error) {
    if (!this.listeners.has("error")) reportGlobally(error);
    else this.notify("error", error);
  }
}
