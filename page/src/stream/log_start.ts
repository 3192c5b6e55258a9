// When the log starts, for replays that start before it.

import { computed, signal } from "@preact/signals";
import type { Cursor } from "../api/contract.ts";
import type { Lookups } from "../api/lookups.ts";

export class LogStart {
  /** Where the replay starts by the log's clock, ms; null: no such replay. */
  readonly replayStart = signal<number | null>(null);
  readonly #logStart = signal<number | null>(null); // ms; null: unknown
  readonly #lookups: Lookups;
  #first: Cursor | null = null; // the log's first entry, whose time is known or requested

  /** When the log starts, if that is after the replay's start; else null. */
  readonly afterReplayStart = computed(() => {
    const [replay, log] = [this.replayStart.value, this.#logStart.value];
    return replay !== null && log !== null && replay < log ? log : null;
  });

  constructor(lookups: Lookups) {
    this.#lookups = lookups;
  }

  /** Looks up when the log's first entry was appended, if a replay needs it. */
  async learn(first: Cursor | null): Promise<void> {
    if (this.replayStart.value === null || first === null || first === this.#first) return;
    this.#first = first;
    this.#logStart.value = null;
    const start = await this.#lookups.logStart(first);
    if (this.#first !== first) return;
    this.#logStart.value = start;
    if (start === null) this.#first = null;
  }
}
