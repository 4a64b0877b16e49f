// AsyncAPI's own generator makes a client in Python from the document that the chat example serves. Two of these clients
// chat with each other.
import assert from "node:assert/strict";
import { test } from "node:test";

import Generator from "@asyncapi/generator";

import { Server } from "../browser/server.js";
import { empty } from "./documents.js";
import { beside, python } from "./run.js";

test("two clients generated from the document of the chat example chat", async () => {
  const server = await Server.start();
  try {
    const document = await (await fetch(`${server.url}/dialogue/asyncapi.json`)).json();
    // The example does not know its public URL.
    const { host } = new URL(server.url);
    document.servers = { chat: { host, pathname: "/dialogue/ws", protocol: "ws" } };
    const folder = empty("client");
    const generator = new Generator("core-template-client-websocket-python", folder, {
      forceWrite: true,
      templateParams: { server: "chat", customClientName: "ChatClient" },
    });
    await generator.generateFromString(JSON.stringify(document));
    const chat = JSON.parse(python([beside("python", "chat.py"), folder]));
    assert.deepEqual(chat, {
      bob: ["ada: Hello, Bob!"],
      ada: ["ada: Hello, Bob!", "bob: Hello, Ada!"],
      refused: "VALIDATION_FAILED",
    });
  } finally {
    await server.stop();
  }
});
