// The AsyncAPI document, checked by the official parser.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Parser } from "@asyncapi/parser";

import { SETS, json, text } from "./documents.js";

/** Warnings about details that only the application's author can add to the document. */
const LEFT_TO_USERS = ["asyncapi-id", "asyncapi-info-contact", "asyncapi-info-license", "asyncapi3-tags", "asyncapi-latest-version"];

for (const set of SETS) {
  test(`the document of ${set} is valid, without avoidable warnings`, async () => {
    const { document, diagnostics } = await new Parser().parse(text(set, "asyncapi.json"));
    const remarks = diagnostics.filter(({ code }) => !LEFT_TO_USERS.includes(code));
    assert.deepEqual(
      remarks.map(({ code, message, path }) => ({ code, message, path: path.join("/") })),
      [],
    );
    assert.ok(document, "the parser returned no document");
  });
}

test("a room is a channel, and the client sends what clients trigger", async () => {
  const { document } = await new Parser().parse(text("rooms", "asyncapi.json"));
  const project = document.channels().get("Project");
  assert.equal(project.address(), "project-{org}-{id}");
  assert.deepEqual(
    project.parameters().all().map((parameter) => parameter.id()).sort(),
    ["id", "org"],
  );
  const names = (operation) => document.operations().get(operation).messages().all().map((message) => message.name()).sort();
  assert.ok(document.operations().get("sendInChat").isSend());
  assert.deepEqual(names("sendInChat"), ["bell", "message"]);
  assert.ok(document.operations().get("receiveInChat").isReceive());
  assert.deepEqual(names("receiveInChat"), ["bell", "error", "message", "user-joined"]);
  assert.equal(document.operations().get("sendInNews"), undefined);
  const [payload] = document.operations().get("sendInProject").messages().all();
  assert.deepEqual(payload.payload().json("required"), ["roomId", "event", "type", "data"]);
});

test("a client connects and joins with the messages of the connection", async () => {
  const { document } = await new Parser().parse(text("rooms", "asyncapi.json"));
  const connect = document.operations().get("sendConnect");
  assert.equal(connect.channels().all()[0].id(), "connection");
  const replies = connect.reply().messages().all().map((message) => message.name());
  assert.deepEqual(replies, ["connected", "error"]);
});

test("every payload in the AsyncAPI document is a type of the JSON Schema or a frame", () => {
  const names = Object.keys(json("rooms", "asyncapi.json").components.schemas);
  const { $defs } = json("rooms", "schema.json");
  const isFrame = (name) => /(Frame|Trigger|Event)\d*$/.test(name) || ["Envelope", "Position", "RoomInfo", "Violation"].includes(name);
  assert.deepEqual(names.filter((name) => !(name in $defs) && !isFrame(name)), []);
  const types = Object.keys($defs).filter((name) => !/(Events|Triggers)$/.test(name));
  assert.deepEqual(types.filter((name) => !names.includes(name)), []);
});
