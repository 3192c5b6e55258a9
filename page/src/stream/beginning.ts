// Where the log begins in time, for replays that begin before it.

import { computed, signal } from "@preact/signals";
import type { Cursor } from "../contract.ts";
import { beginningOfLog } from "./lookups.ts";

/** The moment that a replay by arrival began at, ms; null: there is none. */
export const replayStart = signal<number | null>(null);

const begins = signal<number | null>(null); // when the log took its first entry, ms; null: not known
let asked: Cursor | null = null;

/** When the log begins, where that is after the replay's start; else null. */
export const beginsLater = computed(() => {
  const [start, first] = [replayStart.value, begins.value];
  return start !== null && first !== null && start < first ? first : null;
});

/** Asks when the log took its first entry, for a replay that needs it, unless that is known. */
export async function learnBeginning(first: Cursor | null): Promise<void> {
  if (replayStart.value === null || first === null || first === asked) return;
  asked = first;
  begins.value = null;
  const found = await beginningOfLog(first);
  if (asked !== first) return;
  begins.value = found;
  if (found === null) asked = null;
}
