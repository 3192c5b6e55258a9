import { defineConfig } from "vite";

// the service that `npm run dev` shows; a build needs none
const service = process.env["TAILRACE_QUERY_URL"] ?? "http://127.0.0.1:8080";
const paths = ["/ws", "/stats", "/status", "/events", "/openapi.json"];

export default defineConfig({
  build: {
    outDir: "../src/tailrace/query/page/static",
    emptyOutDir: true,
    target: "es2023",
    // everything is a file of its own: the page's policy allows no data: addresses
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400, // kB
  },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: service, ws: path === "/ws" }])) },
});
