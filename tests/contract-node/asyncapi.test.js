// The AsyncAPI document, checked by the official parser.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Parser } from "@asyncapi/parser";

import { json, text } from "./documents.js";

/** Warnings about details that only the application's author can add to the document. */
const LEFT_TO_USERS = ["asyncapi-id", "asyncapi-info-contact", "asyncapi-info-license", "asyncapi3-tags", "asyncapi-latest-version"];

for (const set of ["rooms", "open", "alike"]) {
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

test("a room is a channel, and the server receives what clients trigger", async () => {
  const { document } = await new Parser().parse(text("rooms", "asyncapi.json"));
  const project = document.channels().get("Project");
  assert.equal(project.address(), "project-{org}-{id}");
  assert.deepEqual(
    project.parameters().all().map((parameter) => parameter.id()).sort(),
    ["id", "org"],
  );
  const names = (operation) => document.operations().get(operation).messages().all().map((message) => message.name()).sort();
  assert.ok(document.operations().get("receiveChat").isReceive());
  assert.deepEqual(names("receiveChat"), ["bell", "message"]);
  assert.ok(document.operations().get("sendChat").isSend());
  assert.deepEqual(names("sendChat"), ["bell", "error", "message", "user-joined"]);
  assert.equal(document.operations().get("receiveNews"), undefined);
  const [payload] = document.operations().get("receiveProject").messages().all();
  assert.deepEqual(payload.payload().json("required"), ["roomId", "event", "type", "data"]);
});

test("every schema of the AsyncAPI document is in the JSON Schema", () => {
  const names = Object.keys(json("rooms", "asyncapi.json").components.schemas);
  const { $defs } = json("rooms", "schema.json");
  assert.deepEqual(names.filter((name) => !(name in $defs)), []);
});
