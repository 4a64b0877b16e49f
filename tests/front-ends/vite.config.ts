import { svelte } from "@sveltejs/vite-plugin-svelte";
import react from "@vitejs/plugin-react";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react(), vue(), svelte()], // an application has one of them
  server: {
    proxy: {
      // Without `changeOrigin`, so that the server receives the page's own host and accepts the page.
      "/dialogue": { target: process.env["DIALOGUE_SERVER"] ?? "http://127.0.0.1:3000", ws: true },
    },
  },
});
