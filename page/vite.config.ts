import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

// the service behind the development server (`page/make run vite`); a build needs none
const service = process.env["TAILRACE_QUERY_URL"] ?? "http://127.0.0.1:8080";
const paths = ["/ws", "/stats", "/status", "/events", "/openapi.json"];

/** Adds the fonts' license. Vite writes those of the packages. */
const fontLicense: Plugin = {
  name: "font-license",
  generateBundle() {
    const source = readFileSync("node_modules/@fontsource-variable/geist/LICENSE");
    this.emitFile({ type: "asset", fileName: "LICENSE-Geist.txt", source });
  },
};

export default defineConfig({
  plugins: [fontLicense],
  build: {
    outDir: "../query/page/static",
    emptyOutDir: true,
    target: "es2023",
    // no inlined assets: the page's content security policy forbids data: URLs
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: "LICENSES.md" },
    chunkSizeWarningLimit: 400, // kB
  },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: service, ws: path === "/ws" }])) },
});
