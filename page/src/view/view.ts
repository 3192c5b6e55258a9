// What the page shows: the range, the filter, and the replay.

import { computed, effect, type Signal, signal } from "@preact/signals";
import type { Clock } from "../api/contract.ts";
import type { Pace, Selection } from "../api/live_request.ts";
import { customRange, type Range } from "./ranges.ts";
import { readView, writeView } from "./url.ts";

export class View {
  /** The range that the user chose; null: none. */
  readonly #chosenRange: Signal<Range | null>;
  /** The range that fits the data, for when none is chosen; null: unknown. */
  readonly fittingRange = signal<Range | null>(null);
  readonly range = computed(() => this.#chosenRange.value ?? this.fittingRange.value);
  /** The range before the user zoomed in; null: not zoomed. */
  readonly unzoomedRange = signal<Range | null>(null);
  readonly selection: Signal<Selection>;
  /** The breakdown that the user chose; null: none. */
  readonly breakdown: Signal<string | null>;
  /** Where the replay starts, RFC 3339 or a cursor; null: the stream is live. */
  readonly at: Signal<string | null>;
  readonly pace: Signal<Pace>;
  /** The time to which the user drags the replay, ms; null: not now. */
  readonly scrubbed = signal<number | null>(null);
  /** The clock of the next replays. A link or a bar of the chart sets only the clock of its own replay. */
  readonly clock = signal<Clock>("log");

  /** Starts with the view that a link's search part describes. */
  constructor(search: string) {
    const { range, selection, breakdown, at, pace } = readView(search);
    this.#chosenRange = signal(range);
    this.selection = signal(selection);
    this.breakdown = signal(breakdown);
    this.at = signal(at);
    this.pace = signal(pace);
  }

  /** The link's search part for what is shown now. */
  get search(): string {
    const { selection, breakdown, at, pace } = this;
    const range = this.#chosenRange.value;
    return writeView({
      range,
      selection: selection.value,
      breakdown: breakdown.value,
      at: at.value,
      pace: pace.value,
    });
  }

  chooseRange(range: Range): void {
    this.unzoomedRange.value = null;
    this.#chosenRange.value = range;
  }

  /** Shows an interval of the chart, ms; `zoomOut` returns to the range before. */
  zoomIn(from: number, to: number): void {
    this.unzoomedRange.value ??= this.range.value;
    this.#chosenRange.value = customRange(from, to);
  }

  zoomOut(): void {
    if (this.unzoomedRange.value) this.chooseRange(this.unzoomedRange.value);
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
