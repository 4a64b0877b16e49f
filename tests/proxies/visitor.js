// Requests and sockets of a visitor who looks at the site of a running proxy.
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:http2";
import { request as httpsRequest } from "node:https";
import { WebSocket } from "ws";
import { DialogueClient } from "../../dialogue/npm/client.js";
import { defer } from "./defer.js";

const PATIENCE_MS = 15_000;

/** Every name is a name of this machine. */
const lookup = (_name, options, found) =>
  options.all ? found(null, [{ address: "127.0.0.1", family: 4 }]) : found(null, "127.0.0.1", 4);

/** Fails if something that must happen does not. */
export async function within(awaited, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out waiting for ${awaited}`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Visitor {
  #clients = [];

  /** A visitor of this origin, which has this certificate. */
  constructor(t, origin, ca) {
    Object.assign(this, { origin, ca });
    defer(t, () => {
      for (const client of this.#clients) client instanceof WebSocket ? client.terminate() : client.disconnect();
    });
  }

  /** Sends a request on a connection of its own, and returns the response. */
  async open(path, { body, ...options } = {}) {
    const url = new URL(path, this.origin);
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const request = send(url, { lookup, ca: this.ca, servername: url.hostname, agent: false, ...options });
    request.end(body);
    const [response] = await within(`the response to ${path}`, once(request, "response"));
    return response.setEncoding("utf8");
  }

  /** Does the same, and returns the status, the headers, and the whole body as `text`. */
  async ask(path, options) {
    const response = await this.open(path, options);
    let text = "";
    for await (const part of response) text += part;
    return { status: response.statusCode, headers: response.headers, text };
  }

  /** Sends a request over HTTP/2, and returns the status. */
  async askHttp2(path, headers) {
    const session = connect(this.origin, { lookup, ca: this.ca });
    const stream = session.request({ ":path": path, ...headers }).resume();
    const [response] = await within(`the response to ${path}`, once(stream, "response"));
    session.destroy();
    return response[":status"];
  }

  /** A class of WebSockets that a page of this origin opens. */
  get WebSocket() {
    const { ca, origin } = this;
    return class extends WebSocket {
      constructor(url) {
        super(url, { lookup, ca, origin });
      }
    };
  }

  /** The address of the WebSocket, if Dialogue is at this path. */
  socketUrl(base = "/dialogue") {
    return new URL(`${base}/ws`, this.origin.replace(/^http/, "ws")).href;
  }

  /** Opens a WebSocket and signs in. */
  async socket() {
    const socket = new this.WebSocket(this.socketUrl());
    this.#clients.push(socket);
    await within("an open WebSocket", once(socket, "open"));
    socket.send(JSON.stringify({ type: "connect", protocol: 1, auth: { userId: "ada" } }));
    await within("`connected`", once(socket, "message"));
    return socket;
  }

  /** The answer to an upgrade that is refused. */
  async refusal() {
    const socket = new this.WebSocket(this.socketUrl());
    const [, response] = await within("a refusal", once(socket.on("error", () => {}), "unexpected-response"));
    let text = "";
    for await (const part of response.setEncoding("utf8")) text += part;
    return { status: response.statusCode, text };
  }

  /** A connected client of Dialogue. */
  async client(userId, base) {
    const client = new DialogueClient({ url: this.socketUrl(base), auth: { userId }, WebSocket: this.WebSocket });
    this.#clients.push(client);
    await within("a connection", client.connect());
    return client;
  }
}
