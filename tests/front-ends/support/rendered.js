// A web server that renders a recipe on each request, as frameworks with server-side rendering do.
import { once } from "node:events";
import { createServer } from "node:http";
import { startVite } from "./site.js";

const ENTRIES = {
  react: ["/src/react/server.tsx", "/src/react/hydrate.tsx"],
  vue: ["/src/vue/server.ts", "/src/vue/hydrate.ts"],
  svelte: ["/src/svelte/server.ts", "/src/svelte/hydrate.ts"],
};

/** React's plugin would also change the components of Vue, for updates in the browser. A server has no such updates. */
const noRefresh = { name: "no-refresh", enforce: "post", config: () => ({ oxc: { jsx: { refresh: false } } }) };

export class Rendered {
  /** Starts the web server, with Vite inside it. `/react`, `/vue` and `/svelte` are the recipes. */
  static async start() {
    const rendered = new Rendered();
    const http = createServer();
    rendered.http = http;
    rendered.site = await startVite({
      appType: "custom",
      plugins: [noRefresh],
      server: { middlewareMode: { server: http }, ws: { server: http } },
    });
    const { vite } = rendered.site;
    http.on("request", (request, response) => {
      const entries = ENTRIES[request.url.slice(1)];
      if (!entries) return vite.middlewares(request, response);
      rendered.page(request.url, ...entries).then(
        (html) => response.setHeader("Content-Type", "text/html; charset=utf-8").end(html),
        (error) => response.writeHead(500).end(error.stack),
      );
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    rendered.url = `http://127.0.0.1:${http.address().port}`;
    return rendered;
  }

  async page(url, server, browser) {
    const { vite } = this.site;
    const { render } = await vite.ssrLoadModule(server);
    const html = `<!doctype html>
      <title>Chat</title>
      <link rel="stylesheet" href="/src/page.css">
      <main id="root">${await render()}</main>
      <script type="module" src="${browser}"></script>`;
    return vite.transformIndexHtml(url, html);
  }

  /** The client that the recipes on this server have. */
  async client() {
    return (await this.site.vite.ssrLoadModule("/src/dialogue.ts")).client;
  }

  async close() {
    await this.site.close();
    this.http.closeAllConnections();
    this.http.close();
  }
}
