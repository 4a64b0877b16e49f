// The recipes in a real browser: components are mounted, unmounted, without a network, asleep, and in two tabs. In each
// case, a component shows each message exactly once and in order, and the server knows who is in the room.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { launch } from "../browser/person.js";
import { Observer } from "./support/observer.js";
import { Site } from "./support/site.js";
import { Tab } from "./support/tab.js";

let browser;
let site;
let context;
let grace;
let tabs;

before(async () => {
  browser = await launch();
  site = await Site.start();
});
after(async () => {
  await browser?.close();
  assert.equal(await site.close(), 0);
});

for (const framework of ["react", "vue", "svelte"]) {
  describe(framework, () => {
    beforeEach(async () => {
      // Each test has its own server process, and so an empty history.
      site.chat = await site.chat.restart();
      site.network.restore();
      context = await browser.newContext();
      grace = await Observer.join(site.chat.url);
      tabs = [];
    });
    afterEach(async () => {
      grace.close();
      try {
        for (const tab of tabs) await tab.close();
      } finally {
        await context.close();
      }
    });

    async function open(path, options) {
      const tab = await Tab.open(context, new URL(path, site.url).href, options);
      tabs.push(tab);
      return tab;
    }
    const recipe = (options) => open(`/src/${framework}/index.html`, options);
    const scenario = () => open(`/scenarios/${framework}.html`);

    test("a component joins, shows the history and each message once, and leaves", async () => {
      await grace.says("earlier");
      const ada = await scenario();
      await ada.show(["a", "chat"]);
      await ada.isIn("a");
      await ada.status("connected", "a");
      if (framework === "react") assert.equal(await ada.page.getAttribute("body", "data-effects"), "2", "strict mode");
      await grace.sees(2);
      await grace.says("one");
      await ada.says("two", "a");
      await ada.shows(["Grace: earlier", "Grace: one", "Ada: two"], "a");
      await ada.show();
      await grace.sees(1);
    });

    test("of two components in one room, one is unmounted", async () => {
      await grace.says("earlier");
      const ada = await scenario();
      await ada.show(["a", "chat"]);
      await ada.isIn("a");
      await grace.says("one");
      await ada.reads("Grace: one", "a");
      await ada.show(["a", "chat"], ["b", "chat"]);
      await ada.isIn("b");
      await ada.says("two", "b");
      for (const panel of ["a", "b"]) await ada.shows(["Grace: earlier", "Grace: one", "Ada: two"], panel);
      await grace.sees(2);
      await ada.show(["b", "chat"]);
      await grace.says("three");
      await ada.says("four", "b");
      await ada.shows(["Grace: earlier", "Grace: one", "Ada: two", "Grace: three", "Ada: four"], "b");
      await grace.sees(2);
      await ada.show();
      await grace.sees(1);
    });

    test("two components are mounted at once", async () => {
      await grace.says("earlier");
      const ada = await scenario();
      await ada.show(["a", "chat"], ["b", "chat"]);
      for (const panel of ["a", "b"]) await ada.isIn(panel);
      await ada.says("one", "a");
      for (const panel of ["a", "b"]) await ada.shows(["Grace: earlier", "Ada: one"], panel);
      await ada.show();
      await grace.sees(1);
    });

    test("a component is mounted and unmounted quickly", async () => {
      const ada = await scenario();
      const flicker = (last) =>
        ada.page.evaluate(async (last) => {
          for (let round = 0; round < 30; round += 1) {
            window.show(round % 2 === 0 ? [{ key: "a", roomId: "chat" }] : []);
            if (round % 3 > 0) await new Promise((resolve) => setTimeout(resolve, round % 5));
          }
          window.show(last);
        }, last);
      await flicker([{ key: "a", roomId: "chat" }]);
      await ada.isIn("a");
      await grace.says("one");
      await ada.says("two", "a");
      await ada.shows(["Grace: one", "Ada: two"], "a");
      await grace.sees(2);
      await flicker([]);
      await grace.sees(1);
      await ada.show(["b", "chat"]);
      await ada.isIn("b");
      await ada.says("three", "b");
      await ada.shows(["Grace: one", "Ada: two", "Ada: three"], "b");
    });

    test("a component changes its room", async () => {
      await grace.client.createRoom("topic-tea", { name: "Tea" });
      const ada = await scenario();
      await ada.show(["a", "chat"]);
      await ada.isIn("a");
      await grace.says("about nothing");
      await ada.reads("Grace: about nothing", "a");
      await ada.show(["a", "topic-tea"]);
      await grace.sees(1, "chat");
      await grace.sees(1, "topic-tea");
      await ada.isIn("a");
      await grace.says("about nothing again");
      await ada.says("about tea", "a");
      await ada.shows(["Ada: about tea"], "a");
      assert.deepEqual(grace.heard, ["Grace: about nothing", "Grace: about nothing again"]);
    });

    test("a join that fails can be tried again", async () => {
      const ada = await scenario();
      await ada.show(["a", "topic-tea"]);
      await ada.alert("Try again", "a");
      await grace.client.createRoom("topic-tea", { name: "Tea" });
      await ada.page.getByRole("button", { name: "Try again" }).click();
      await ada.isIn("a");
      await ada.says("one", "a");
      await ada.shows(["Ada: one"], "a");
    });

    test("the room is deleted and created again", async () => {
      await grace.client.createRoom("topic-tea", { name: "Tea" });
      const ada = await scenario();
      await ada.show(["a", "topic-tea"], ["b", "chat"]);
      await ada.isIn("a");
      await grace.client.deleteRoom("topic-tea");
      await ada.alert("You are no longer in this room (roomDeleted).", "a");
      await ada.isOut("a");
      await grace.client.createRoom("topic-tea", { name: "Tea" });
      await ada.page.getByRole("button", { name: "Try again" }).click();
      await ada.isIn("a");
      await ada.says("one", "a");
      await ada.shows(["Ada: one"], "a");
      await grace.says("two");
      await ada.shows(["Grace: two"], "b");
    });

    test("the server refuses the user, who then signs in", async () => {
      const ada = await recipe({ name: "" });
      await ada.status("cannot accept this user id");
      await ada.alert("Try again");
      await ada.page.evaluate(() => localStorage.setItem("user", "Ada"));
      await ada.page.getByRole("button", { name: "Try again" }).click();
      await ada.status("connected");
      await ada.isIn();
      await ada.says("one");
      await ada.shows(["Ada: one"]);
    });

    test("components are mounted and unmounted without a network", async () => {
      const ada = await scenario();
      await ada.show(["a", "chat"]);
      await ada.isIn("a");
      site.network.cut();
      await ada.status("waiting", "a");
      await ada.show(["b", "chat"]);
      await ada.show(["b", "chat"], ["c", "chat"]);
      await ada.show(["c", "chat"]);
      await grace.says("one");
      site.network.restore();
      await ada.isIn("c");
      await ada.says("two", "c");
      await ada.shows(["Grace: one", "Ada: two"], "c");
      await grace.sees(2);
      await ada.show();
      await grace.sees(1);
    });

    // Vue's component also keeps the client and the room in reactive proxies.
    test("handlers that are attached late receive everything", async () => {
      await grace.says("earlier");
      const ada = await open(`/scenarios/late-${framework}.html`);
      await grace.sees(2);
      await grace.says("one");
      await grace.says("two");
      const lines = ["Grace: earlier", "Grace: one", "Grace: two"];
      if (framework === "vue") lines.push("Ada: from Ada in Chat");
      await ada.shows(lines);
    });

    test("the network fails and returns", async () => {
      const ada = await recipe({ hasClock: true });
      await ada.isIn();
      await grace.says("one");
      await ada.reads("Grace: one");
      await ada.page.evaluate(() => (Math.random = () => 0.999)); // the longest waits
      await ada.network({ offline: true });
      await ada.stopsTheClock();
      site.network.cut();
      await ada.status("waiting");
      await ada.says("two");
      await ada.shows(["Grace: one", "two (sending)"]);
      await grace.says("three");
      site.network.restore();
      await ada.network({ offline: false });
      await ada.status("connected"); // no timer has run out, so the client did not wait for one
      await ada.page.clock.resume();
      await grace.says("four");
      await ada.reads("Grace: four");
      await ada.reads("Ada: two");
      assert.deepEqual((await ada.lines()).sort(), ["Ada: two", "Grace: four", "Grace: one", "Grace: three"]);
      assert.deepEqual(await ada.lines(), ["Grace: one", ...grace.heard.slice(1)], "in the order of the room");
      await grace.sees(2);
    });

    test("the page sleeps", async () => {
      const ada = await recipe();
      await ada.isIn();
      await ada.isFrozen();
      await grace.says("one");
      await grace.says("two");
      await ada.isActive();
      await ada.says("three");
      await ada.shows(["Grace: one", "Grace: two", "Ada: three"]);
      await grace.sees(2);
    });

    test("the page is hidden, and its connection dies without a word", async () => {
      const ada = await recipe();
      await ada.isIn();
      await ada.says("zero");
      await ada.reads("Ada: zero");
      await ada.isHidden();
      site.network.hold();
      await grace.says("one");
      await grace.says("two");
      await ada.isVisible();
      // Without a probe at once, the client would notice only after 35 s, and the test does not wait so long.
      await ada.reads("Grace: two");
      await ada.says("three");
      await ada.shows(["Ada: zero", "Grace: one", "Grace: two", "Ada: three"]);
      await grace.sees(2);
    });

    test("a user has two tabs and closes one", async () => {
      const [first, second] = [await recipe(), await recipe()];
      for (const tab of [first, second]) await tab.isIn();
      await grace.sees(3);
      await first.says("one");
      await second.reads("Ada: one");
      await second.says("two");
      for (const tab of [first, second]) await tab.shows(["Ada: one", "Ada: two"]);
      await tabs.shift().close();
      await grace.sees(2);
      await grace.says("three");
      await second.shows(["Ada: one", "Ada: two", "Grace: three"]);
    });

    test("the server starts again and knows nothing", async () => {
      const ada = await recipe();
      await ada.isIn();
      await ada.says("one");
      await ada.reads("Ada: one");
      site.chat = await site.chat.restart();
      await grace.reaches("connected");
      await grace.says("two");
      await ada.shows(["Grace: two"]);
    });
  });
}
