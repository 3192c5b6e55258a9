// What the page shows: the range, the filter, and the replay.

import { effect, type Signal, signal } from "@preact/signals";
import type { Clock } from "../api/contract.ts";
import type { Pace, Selection } from "../api/live_request.ts";
import type { Range } from "./ranges.ts";
import { readView, writeView } from "./url.ts";

export class View {
  readonly range: Signal<Range>;
  readonly selection: Signal<Selection>;
  /** Where the replay starts, RFC 3339 or a cursor; null: the stream is live. */
  readonly at: Signal<string | null>;
  readonly pace: Signal<Pace>;
  /** The clock of the next replays. A link or a bar of the chart sets only the clock of its own replay. */
  readonly clock = signal<Clock>("log");

  /** Starts with the view that a link's search part describes. */
  constructor(search: string) {
    const { range, selection, at, pace } = readView(search);
    this.range = signal(range);
    this.selection = signal(selection);
    this.at = signal(at);
    this.pace = signal(pace);
  }

  /** The link's search part for what is shown now. */
  get search(): string {
    const { range, selection, at, pace } = this;
    return writeView({ range: range.value, selection: selection.value, at: at.value, pace: pace.value });
  }

  /** The pace of the next replays. */
  nextPace(): Pace {
    return { speed: this.pace.peek().speed, clock: this.clock.peek() };
  }

  /** Keeps the address bar up to date. */
  syncAddress(location: Location, history: History): () => void {
    return effect(() => {
      const { search } = this;
      if (search !== location.search) history.replaceState(null, "", `${location.pathname}${search}${location.hash}`);
    });
  }
}
