// The ways to serve the recipes: through Vite's proxy, rendered on a server, and built.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { build, preview } from "vite";
import { launch } from "../browser/person.js";
import { Server } from "../browser/server.js";
import { Observer } from "./support/observer.js";
import { installClient } from "./support/package.js";
import { Rendered } from "./support/rendered.js";
import { Served } from "./support/served.js";
import { ROOT } from "./support/root.js";
import { startVite } from "./support/site.js";
import { Tab } from "./support/tab.js";

const FRAMEWORKS = ["react", "vue", "svelte"];

let browser;
let chat;
let context;
let tabs;
let grace;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(async () => {
  chat = await Server.start();
  process.env.DIALOGUE_SERVER = chat.url;
  context = await browser.newContext();
  tabs = [];
});
afterEach(async () => {
  grace?.close();
  try {
    for (const tab of tabs) await tab.close();
  } finally {
    await context.close();
    assert.equal(await chat.stop(), 0);
  }
});

async function open(url) {
  const tab = await Tab.open(context, url);
  tabs.push(tab);
  return tab;
}

/** Opens the page and has a conversation there. */
async function converse(url) {
  grace = await Observer.join(chat.url);
  await grace.says("earlier");
  const ada = await open(url);
  await ada.isIn();
  await ada.status("connected");
  await grace.sees(2);
  await grace.says("one");
  await ada.says("two");
  await ada.shows(["Grace: earlier", "Grace: one", "Ada: two"]);
}

/** A port that nobody uses. A server has to know the origin of its pages before they are served. */
async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  await once(listener.close(), "close");
  return port;
}

const proxyTo = (target, port = 0) => ({
  server: { host: "127.0.0.1", port, watch: null, proxy: { "/dialogue": { target, ws: true, changeOrigin: true } } },
});

describe("Vite's proxy with `changeOrigin`", () => {
  test("is refused, and the page reports why it cannot connect", async () => {
    const vite = await startVite(proxyTo(chat.url));
    const ada = await open(`${vite.url}/src/react/index.html`);
    await ada.status("waiting");
    assert.match(ada.failures.join("\n"), /cannot connect to ws:\/\/127\.0\.0\.1:\d+\/dialogue\/ws/);
    await vite.close();
  });

  test("works if the server allows the page's origin", async () => {
    const port = await freePort();
    const served = await Served.start(`http://127.0.0.1:${port}`);
    const vite = await startVite(proxyTo(served.url, port));
    const ada = await open(`${vite.url}/src/react/index.html`);
    await ada.status("connected");
    await ada.isIn();
    await ada.says("one");
    await ada.shows(["Ada: one"]);
    await vite.close();
    assert.equal(await served.stop(), 0);
  });
});

describe("rendered on a server", () => {
  let rendered;
  before(async () => {
    rendered = await Rendered.start();
  });
  after(() => rendered?.close());

  for (const framework of FRAMEWORKS) {
    test(`${framework}: the server renders the component and does not connect; the page does`, async () => {
      const page = await fetch(`${rendered.url}/${framework}`);
      const html = await page.text();
      assert.equal(page.status, 200, html);
      assert.match(html.replace(/<!--.*?-->/g, ""), /<p role="status">closed<\/p>/);
      rendered.site.vite.config.server.proxy["/dialogue"].target = chat.url;
      await converse(`${rendered.url}/${framework}`);
      assert.equal((await rendered.client()).state, "closed");
    });
  }
});

describe("built", () => {
  let folder;
  let served;
  before(async () => {
    installClient();
    folder = mkdtempSync(join(tmpdir(), "dialogue-built-"));
    const input = FRAMEWORKS.map((framework) => join(ROOT, `src/${framework}/index.html`));
    const outDir = join(folder, "site");
    process.env.NODE_ENV = "production"; // a development server in this process has set it
    await build({ root: ROOT, logLevel: "silent", build: { outDir, emptyOutDir: true, rolldownOptions: { input } } });
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(() => served?.close());

  for (const framework of FRAMEWORKS) {
    test(`${framework}: the built page works`, async () => {
      const outDir = join(folder, "site");
      const address = { host: "127.0.0.1", port: 0 };
      served = await preview({ root: ROOT, logLevel: "silent", build: { outDir }, preview: address });
      await converse(`http://127.0.0.1:${served.httpServer.address().port}/src/${framework}/index.html`);
    });
  }
});
