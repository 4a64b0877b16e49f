// A network that can fail: relays bytes to a server until the test cuts it.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Proxy {
  /** The number of connections so far. */
  connections = 0;
  #listener;
  #connections = new Set();
  #isCut = false;

  /** A proxy for the server at this address, on its own port. */
  static async to(address) {
    const proxy = new Proxy();
    const { hostname, port } = new URL(address);
    proxy.#listener = createServer((client) => proxy.#accept(client, connect(port, hostname)));
    proxy.#listener.listen(0, "127.0.0.1");
    await once(proxy.#listener, "listening");
    proxy.url = `http://127.0.0.1:${proxy.#listener.address().port}`;
    return proxy;
  }

  /** Cuts every connection, and each new one, until `restore`. */
  cut() {
    this.#isCut = true;
    for (const connection of this.#connections) connection.cut();
  }

  restore() {
    this.#isCut = false;
  }

  /** Holds back the server's frames on the current connections until `release`, so that the server seems slow. */
  hold() {
    for (const { server } of this.#connections) server.pause();
  }

  release() {
    for (const { server } of this.#connections) server.resume();
  }

  /** Cuts the current connections once this many more bytes have gone `up` to the server or `down` from it. */
  cutAfter(bytes, direction) {
    for (const connection of this.#connections) connection[direction] = bytes;
  }

  close() {
    this.cut();
    this.#listener.close();
  }

  #accept(client, server) {
    this.connections += 1;
    const connection = { server, up: Infinity, down: Infinity };
    connection.cut = () => {
      this.#connections.delete(connection);
      client.destroy();
      server.destroy();
    };
    if (this.#isCut) return connection.cut();
    this.#connections.add(connection);
    const relay = (from, to, direction) => {
      from.on("error", connection.cut);
      from.on("close", connection.cut);
      from.on("data", (bytes) => {
        const passed = bytes.subarray(0, Math.min(bytes.length, connection[direction]));
        connection[direction] -= passed.length;
        if (passed.length === bytes.length) to.write(passed);
        else to.write(passed, connection.cut);
      });
    };
    relay(client, server, "up");
    relay(server, client, "down");
  }
}
