// The numbers of the read model: what is known, and since when.

import { computed, effect, signal, untracked } from "@preact/signals";
import type { Stats, Status } from "../contract.ts";
import { timeZone } from "../format/times.ts";
import { assignColours } from "../state/colours.ts";
import { range, selection } from "../state/view.ts";
import { wholeSeries } from "./buckets.ts";
import { poll } from "./polling.ts";
import { mainQuestion, type Range, typesQuestion } from "./ranges.ts";

export interface Known {
  stats: Stats;
  /** The question that it answers. */
  path: string;
  range: Range;
  at: number;
}

export const known = signal<Known | null>(null);
/** Why there is nothing newer; null: there is. */
export const failure = signal<string | null>(null);
/** All types of the range, the most frequent first, whichever are chosen. */
export const typesOfRange = signal<Stats["by_type"] | null>(null);
/** null: it could not be had; undefined: not yet. */
export const status = signal<Status | null | undefined>(undefined);

const zone = timeZone();
const asked = computed(() => mainQuestion({ range: range.value, types: selection.value.types, zone }));

/** Whether what is shown answers an earlier question. */
export const outdated = computed(() => known.value !== null && known.value.path !== asked.value);

/** The series of the range, without holes. */
export const series = computed(() => {
  if (!known.value) return null;
  const { stats, at, range: of } = known.value;
  const to = stats.to === null ? (of.ms === null ? null : at) : Date.parse(stats.to);
  return wholeSeries(stats.series, stats.bucket, stats.from === null ? null : Date.parse(stats.from), to);
});

/** Asks for everything as long as the page is open. */
export function startStats(): void {
  effect(() => {
    const path = asked.value;
    const of = untracked(() => range.value);
    return poll<Stats>(path, {
      answer(stats) {
        known.value = { stats, path, range: of, at: Date.now() };
        failure.value = null;
        if (untracked(() => selection.value.types.length === 0)) showTypes(stats);
      },
      failed(reason) {
        failure.value = reason;
        assignColours([]); // those of the stream then
      },
    });
  });
  effect(() => {
    if (selection.value.types.length === 0) return;
    const path = typesQuestion({ range: range.value, types: [], zone });
    return poll<Stats>(path, { answer: showTypes, failed() {} });
  });
  poll<Status>("/status", {
    answer(found) {
      status.value = found;
    },
    failed() {
      status.value = null;
    },
  });
}

function showTypes(stats: Stats): void {
  const types = stats.by_type.toSorted((one, other) => other.events - one.events);
  assignColours(types.map((type) => type.event_type));
  typesOfRange.value = types;
}
