// The recipes on Vite's development server, in front of the chat example. Between the two is a network that can fail.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "vite";
import { Server } from "../../browser/server.js";
import { Proxy } from "../../node/support/proxy.js";
import { installClient } from "./package.js";
import { ROOT } from "./root.js";

const PACKAGES = [
  "@dialogue-rs/client",
  "react",
  "react-dom",
  "react-dom/client",
  "react/jsx-dev-runtime",
  "svelte",
  "svelte/store",
  "vue",
];

/** Vite's own script reloads a page that was disconnected. The tests disconnect pages to see how these recover. */
const noReloads = {
  name: "no-reloads",
  transform: (code, id) => (id.includes("/vite/dist/client/") ? code.replaceAll("location.reload()", "void 0") : undefined),
};

/** Vite's development server with the recipes' settings and changes to them. Inside another server, it has no address. */
export async function startVite({ server, plugins = [], ...settings } = {}) {
  installClient();
  const cacheDir = mkdtempSync(join(tmpdir(), "dialogue-vite-"));
  const vite = await createServer({
    root: ROOT,
    configFile: join(ROOT, "vite.config.ts"),
    cacheDir,
    logLevel: "silent",
    plugins: [noReloads, ...plugins],
    server: { host: "127.0.0.1", port: 0, watch: null, ...server },
    optimizeDeps: { include: PACKAGES, noDiscovery: true },
    ...settings,
  });
  if (vite.httpServer) await vite.listen();
  return {
    vite,
    url: vite.httpServer && `http://127.0.0.1:${vite.httpServer.address().port}`,
    async close() {
      await vite.close();
      rmSync(cacheDir, { recursive: true, force: true });
    },
  };
}

/** The chat, a network to it, and Vite with the recipes. */
export class Site {
  static async start() {
    const site = new Site();
    site.chat = await Server.start();
    site.network = await Proxy.to(site.chat.url);
    process.env.DIALOGUE_SERVER = site.network.url;
    site.vite = await startVite();
    site.url = site.vite.url;
    return site;
  }

  async close() {
    await this.vite.close();
    this.network.close();
    return this.chat.stop();
  }
}
