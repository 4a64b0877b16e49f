// Programs against the generated types: good ones compile, and each mistake gives its own error.
import assert from "node:assert/strict";
import { test } from "node:test";

import { compile } from "./compiler.js";
import { SETS, text } from "./documents.js";

const begin = `
import { DialogueClient, type Rooms, type Message, type MessageInput } from "./client.js";
const client = new DialogueClient({ url: "ws://localhost/dialogue/ws" });
const chat = await client.join("chat");
const project = await client.join("project-acme-7");
const news = await client.join("news");
const wall = await client.join("wall");
export {};
`;

function check(program, set = "rooms") {
  return compile({ "client.d.ts": text(set, "client.d.ts"), "program.ts": program });
}

test("the generated module compiles on its own", () => {
  const modules = Object.fromEntries(SETS.map((set) => [`${set}.d.ts`, text(set, "client.d.ts")]));
  assert.deepEqual(compile(modules, { checkDeclarations: true }), []);
});

test("a correct program compiles", () => {
  const program = `${begin}
    chat.trigger("message", { text: "hello" });
    chat.trigger("message", { text: "hello", to: { name: "bob" }, urgent: true });
    const input: MessageInput = { text: "hello", to: null };
    chat.trigger("message", input);
    chat.trigger("bell");
    chat.on("message", ({ data }) => {
      const line: Message = data;
      // A field that a sender may omit is present on receipt.
      const urgent: boolean = data.urgent;
      const to: string | undefined = data.to?.tags.join();
    });
    chat.on("user-joined", ({ data, from, timestamp }) => {
      const name: string = data.username;
    });
    chat.on("error", ({ data }) => data.code.toFixed());
    project.on("shapes:all", ({ data }) => {
      if (data.internal.type === "Struct") {
        const a: number = data.internal.a;
      }
      const [small, large]: [number, number] = data.integers;
      const key: number | undefined = data.kind_keys["first-kind"];
      const deep: number | undefined = data.tree.children[0]?.left?.value;
    });
    // A room in which only the server triggers events, of any type.
    wall.on("anything", ({ data }) => {
      const unknown: unknown = data;
    });
    wall.on("user-joined", ({ data }) => data.username);
    const id: keyof Rooms = "project-a-b";
  `;
  assert.deepEqual(check(program), []);
});

test("an open room accepts any event, and checks the types of known events", () => {
  const program = (line) => `
    import { DialogueClient } from "./client.js";
    const sandbox = await new DialogueClient().join("sandbox");
    ${line}
    export {};`;
  assert.deepEqual(check(program(`sandbox.trigger("made-up", { any: "thing" });`), "open"), []);
  assert.deepEqual(check(program(`sandbox.trigger("user-joined", { username: "ada" });`), "open"), []);
  const wrong = check(program(`sandbox.trigger("user-joined", { username: 7 });`), "open");
  assert.deepEqual(
    wrong.map(({ code }) => code),
    [2322],
  );
});

test("rooms whose ids a template type cannot tell apart keep their own events", () => {
  const program = (line) => `
    import { DialogueClient } from "./client.js";
    const client = new DialogueClient();
    const channel = await client.join("org:acme:chat");
    const team = await client.join("org:acme:core:chat");
    const hall = await client.join("org:all:of:us:chat");
    ${line}
    export {};`;
  const good = `
    channel.trigger("message", { text: "hello" });
    channel.on("message", ({ data }) => data.text.trim());
    team.trigger("bell");
    team.on("bell", ({ data }) => data);
    hall.trigger("user-joined", { username: "ada" });`;
  assert.deepEqual(check(program(good), "alike"), []);
  for (const line of [`channel.trigger("bell");`, `hall.trigger("bell");`, `hall.trigger("message", { text: "hello" });`]) {
    assert.equal(check(program(line), "alike").length, 1, line);
  }
});

const NOT_ASSIGNABLE_ARGUMENT = 2345;
const NOT_ASSIGNABLE = 2322;
const MISSING_PROPERTY = 2345;
const EXCESS_PROPERTY = 2353;
const NO_SUCH_PROPERTY = 2339;
const PERHAPS_MEANT = 2551;

const mistakes = [
  ["a room that does not exist", `client.join("nowhere");`, NOT_ASSIGNABLE_ARGUMENT],
  ["an id that belongs to no family", `client.join("projekt-acme-7");`, NOT_ASSIGNABLE_ARGUMENT],
  ["an id without a field of its family", `client.join("project-acme");`, NOT_ASSIGNABLE_ARGUMENT],
  ["an event that only the server may trigger", `chat.trigger("user-joined", { username: "ada" });`, NOT_ASSIGNABLE_ARGUMENT],
  ["an event of another room", `chat.trigger("shapes:all", {} as never);`, NOT_ASSIGNABLE_ARGUMENT],
  ["a trigger in a room where clients may only listen", `news.trigger("user-joined", { username: "ada" });`, NOT_ASSIGNABLE_ARGUMENT],
  ["a trigger in a room where only the server may trigger any event", `wall.trigger("anything", 1);`, NOT_ASSIGNABLE_ARGUMENT],
  ["a handler for a misspelt event", `chat.on("mesage", () => {});`, NOT_ASSIGNABLE_ARGUMENT],
  ["a handler for an event that the room does not have", `news.on("message", () => {});`, NOT_ASSIGNABLE_ARGUMENT],
  ["a payload of another type", `chat.trigger("message", "hello");`, NOT_ASSIGNABLE_ARGUMENT],
  ["a property of another type", `chat.trigger("message", { text: 7 });`, NOT_ASSIGNABLE],
  ["a missing property", `chat.trigger("message", { urgent: true });`, MISSING_PROPERTY],
  ["a missing nested property", `chat.trigger("message", { text: "", to: {} });`, 2741],
  ["a misspelt property", `chat.trigger("message", { text: "", urgnt: true });`, 2561],
  ["an unknown property", `chat.trigger("message", { text: "", extra: 1 });`, EXCESS_PROPERTY],
  ["a payload for an event without one", `chat.trigger("bell", { loud: true });`, NOT_ASSIGNABLE_ARGUMENT],
  ["an unknown variant", `const kind: Rooms["chat"]["triggers"]["message"] = { text: "", to: "bob" };`, NOT_ASSIGNABLE],
  ["reading a property that the payload does not have", `chat.on("message", ({ data }) => data.txt);`, PERHAPS_MEANT],
  ["reading a property of another event", `chat.on("error", ({ data }) => data.username);`, NO_SUCH_PROPERTY],
  ["reading a nested property as another type", `chat.on("error", ({ data }) => { const code: string = data.code; });`, NOT_ASSIGNABLE],
  ["reading a property of a value that may be null", `chat.on("message", ({ data }) => data.to.name);`, 18047],
];

// One program, since each program takes the compiler a second. Each mistake is in its own block, so it does not affect
// the others.
const first = begin.split("\n").length;
const found = check([begin, ...mistakes.map(([, line]) => `{ ${line} }`)].join("\n"));

for (const [at, [mistake, line, code]] of mistakes.entries()) {
  test(`refused: ${mistake}`, () => {
    const here = found.filter((diagnostic) => diagnostic.line === first + at);
    assert.deepEqual(
      here.map(({ code }) => code),
      [code],
      `${line}\n${JSON.stringify(here, null, 2)}`,
    );
  });
}

test("there are no other errors", () => {
  assert.equal(found.length, mistakes.length);
});
