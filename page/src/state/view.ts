// What the page shows, as its address says it; the address follows.

import { effect, signal } from "@preact/signals";
import type { Range } from "../stats/ranges.ts";
import type { Pace, Selection } from "../stream/request.ts";
import { readView, writeView } from "./url.ts";

const first = readView(location.search);

export const range = signal<Range>(first.range);
export const selection = signal<Selection>(first.selection);
/** The place a replay began at; null: the stream is of now. */
export const at = signal<string | null>(first.at);
export const pace = signal<Pace>(first.pace);

effect(() => {
  const search = writeView({ range: range.value, selection: selection.value, at: at.value, pace: pace.value });
  if (search !== location.search) history.replaceState(null, "", `${location.pathname}${search}${location.hash}`);
});
