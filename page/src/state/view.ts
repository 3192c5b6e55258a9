// What the page shows, as its address says it; the address follows.

import { effect, signal } from "@preact/signals";
import type { Clock } from "../contract.ts";
import type { Range } from "../stats/ranges.ts";
import type { Pace, Selection } from "../stream/request.ts";
import { readView, writeView } from "./url.ts";

const first = readView(location.search);

export const range = signal<Range>(first.range);
export const selection = signal<Selection>(first.selection);
/** The place a replay began at; null: the stream is of now. */
export const at = signal<string | null>(first.at);
export const pace = signal<Pace>(first.pace);
/** What sets the pace of replays to come; a link or a bar of the chart sets that of its own alone. */
export const clock = signal<Clock>("log");

effect(() => {
  const search = writeView({ range: range.value, selection: selection.value, at: at.value, pace: pace.value });
  if (search !== location.search) history.replaceState(null, "", `${location.pathname}${search}${location.hash}`);
});
