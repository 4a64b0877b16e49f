// The page holds to its own rules.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KINDS } from "./kinds.js";

/** In seconds, as the table at the top of the page says. */
const PINGS = 25 + 10;
const KEEP_ALIVE = 75;

for (const { name, blocks } of Object.values(KINDS)) {
  const config = Object.values(blocks).join("");

  test(`${name}: every timeout for silence is longer than a ping takes`, () => {
    const found = [...config.matchAll(/(?:read_timeout|timeout (?:client|server|tunnel)|^ *Timeout) (\d+)/gm)];
    assert.ok(found.length > 0 || name === "caddy", "the others have one");
    for (const [line, seconds] of found) assert.ok(Number(seconds) > PINGS, line);
  });

  test(`${name}: idle connections to the server end before the server ends them`, () => {
    const found = [...config.matchAll(/(?:keepalive_timeout (?=\d+s)|keepalive (?=\d+s)|ttl=)(\d+)/g)];
    assert.ok(found.length > 0 || name === "haproxy", "the others have a setting");
    for (const [line, seconds] of found) assert.ok(Number(seconds) < KEEP_ALIVE, line);
  });
}
