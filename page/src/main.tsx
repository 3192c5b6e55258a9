// The composition root.

import { type JSX, render } from "preact";
import { App } from "./app.tsx";
import { loadBars } from "./charts/load.ts";
import { listenToKeys } from "./components/shortcuts.tsx";
import { timeZone } from "./format/times.ts";
import { Model, ModelContext } from "./model.ts";
import "@preact/signals"; // lets components subscribe to the signals they read

const TICK = 250; // ms

const model = new Model({
  href: location.href,
  fetch: (...request) => fetch(...request),
  openSocket: (address) => new WebSocket(address),
  nextFrame: (draw) => requestAnimationFrame(draw),
});
model.theme.start(document, matchMedia("(prefers-color-scheme: dark)"));
/** Another zone changes times everywhere: everything is made again. */
function Page(): JSX.Element {
  return <App key={timeZone.value} />;
}

const page = document.getElementById("page");
if (page) {
  const app = (
    <ModelContext.Provider value={model}>
      <Page />
    </ModelContext.Provider>
  );
  render(app, page);
}
void loadBars();
model.view.syncAddress(location, history);
model.start();
listenToKeys(model);
setInterval(() => model.time.tick(), 1_000);
setInterval(() => document.hidden || model.stream.tick(), TICK);
addEventListener("online", () => model.stream.retryNow());
document.addEventListener("visibilitychange", () => document.hidden || model.stream.retryNow());
