// A user in the room who needs no page: speaks, and knows how many clients are in each room.
import { WebSocket } from "ws";
import { DialogueClient } from "../../../dialogue/npm/client.js";

export class Observer {
  static async join(address, name = "Grace") {
    const observer = new Observer();
    observer.client = new DialogueClient({ url: new URL("/dialogue/ws", address), auth: { userId: name }, WebSocket });
    observer.client.onError(() => {}); // some tests stop the server
    await observer.client.connect();
    observer.room = await observer.client.join("chat");
    observer.heard = [];
    observer.room.on("message", ({ from, data }) => observer.heard.push(`${from}: ${data.text}`));
    return observer;
  }

  /** Waits until the connection has this state. */
  async reaches(state) {
    if (this.client.state === state) return;
    await new Promise((resolve) => {
      const stop = this.client.onStateChange((change) => change.state === state && (stop(), resolve()));
    });
  }

  says(text) {
    return this.room.trigger("message", { text });
  }

  /** How many clients are in a room. */
  async sizeOf(id = "chat") {
    return (await this.client.listRooms()).find((room) => room.id === id)?.size;
  }

  /** Waits until so many clients are in a room. */
  async sees(size, id = "chat") {
    const until = Date.now() + 10_000;
    let last;
    while ((last = await this.sizeOf(id)) !== size) {
      if (Date.now() > until) throw new Error(`${last} clients are in ${id}, not ${size}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  close() {
    this.client.disconnect();
  }
}
