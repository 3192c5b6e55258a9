import { render } from "preact";
import { App } from "./app.tsx";
import { listenToKeys } from "./components/shortcuts.tsx";
import { startStats } from "./stats/store.ts";
import { startStream } from "./stream/control.ts";
import "@preact/signals"; // makes components follow the signals they read

const page = document.getElementById("page");
if (page) render(<App />, page);
startStats();
startStream();
listenToKeys();
