// The numbers of the read model: what is known, and since when.

import { computed, effect, signal, untracked } from "@preact/signals";
import type { Stats, Status, TopValues } from "../contract.ts";
import { timeZone } from "../format/times.ts";
import { assignColours } from "../state/colours.ts";
import { learnTime, serviceNow } from "../state/service_time.ts";
import { range, selection } from "../state/view.ts";
import { newestEvent } from "../stream/lookups.ts";
import { wholeSeries } from "./buckets.ts";
import { type Failure, poll } from "./polling.ts";
import { mainQuestion, pathsQuestion, type Question, type Range, typesQuestion } from "./ranges.ts";

export interface Known {
  stats: Stats;
  /** The question that it answers. */
  asked: Question;
  range: Range;
  at: number;
}

export interface Paths {
  asked: Question;
  /** null: why they can't be had is in `failure`. */
  top: TopValues | null;
  events: number;
  failure: Failure | null;
}

export const known = signal<Known | null>(null);
/** Why there is nothing newer; null: there is. */
export const failure = signal<Failure | null>(null);
export const paths = signal<Paths | null>(null);
/** All types of the range, the most frequent first, whichever are chosen. */
export const typesOfRange = signal<Stats["by_type"] | null>(null);
/** null: it could not be had; undefined: not yet. */
export const status = signal<Status | null | undefined>(undefined);
/** Why the period before can't be had; null: it can. */
export const incomparable = signal<string | null>(null);
/** Where nothing is in the range: when the newest event happened; null: there is none, or it isn't known. */
export const newest = signal<number | null>(null);

const zone = timeZone();
// by what they say: another user is no other question
const types = computed(() => JSON.stringify(selection.value.types));
const asked = computed<Question>(() => ({ range: range.value, types: JSON.parse(types.value), zone }));

/** Whether what is shown answers an earlier question. */
export const outdated = computed(() => known.value !== null && known.value.asked !== asked.value);
export const pathsOutdated = computed(() => paths.value !== null && paths.value.asked !== asked.value);

/** The series of the range, without holes. */
export const series = computed(() => {
  if (!known.value) return null;
  const { stats } = known.value;
  const from = stats.from === null ? null : Date.parse(stats.from);
  const to = stats.to === null ? null : Date.parse(stats.to);
  return wholeSeries(stats.series, stats.buckets, stats.bucket, from, to);
});

/** Asks for everything as long as the page is open. */
export function startStats(): void {
  effect(() => {
    const of = asked.value;
    incomparable.value = null;
    return untracked(() => pollMain(of));
  });
  effect(() => {
    const of = asked.value;
    return poll<Stats>(() => pathsQuestion(of, serviceNow()), {
      answer({ top, totals }) {
        paths.value = { asked: of, top, events: totals.events, failure: null };
      },
      failed(failure) {
        const kept = paths.peek();
        if (!failure.final && kept?.asked === of) paths.value = { ...kept, failure };
        else paths.value = { asked: of, top: null, events: 0, failure };
      },
    });
  });
  effect(() => {
    const of = asked.value;
    if (of.types.length === 0) return;
    return poll<Stats>(() => typesQuestion(of, serviceNow()), { answer: showTypes, failed() {} });
  });
  effect(() => {
    const of = asked.value;
    const empty = known.value?.asked === of && known.value.stats.totals.events === 0 && of.range.ms !== null;
    if (!empty) newest.value = null;
    else if (newest.peek() === null) void findNewest(of);
  });
  poll<Status>(() => "/status", {
    answer(found) {
      status.value = found;
    },
    failed() {
      status.value = null;
    },
    // never from the browser's cache, as the others may be
    heard(answer, began) {
      learnTime(answer.headers.get("date"), began);
    },
  });
}

async function findNewest(of: Question): Promise<void> {
  const found = await newestEvent({ types: of.types, user: null });
  if (asked.peek() === of) newest.value = found;
}

function pollMain(of: Question): () => void {
  let compare = true;
  let end = (): void => {};
  const begin = (): void => {
    end = poll<Stats>(() => mainQuestion(of, compare, serviceNow()), {
      answer(stats) {
        known.value = { stats, asked: of, range: of.range, at: Date.now() };
        failure.value = null;
        if (of.types.length === 0) showTypes(stats);
      },
      failed(why) {
        if (why.final && compare && of.range.ms !== null) {
          // the range itself may be kept where the period before it is not
          incomparable.value = why.reason;
          compare = false;
          begin();
          return;
        }
        failure.value = why;
        assignColours([]); // those of the stream then
      },
    });
  };
  begin();
  return () => end();
}

function showTypes(stats: Stats): void {
  const types = stats.by_type.toSorted((one, other) => other.events - one.events);
  assignColours(types.map((type) => type.event_type));
  typesOfRange.value = types;
}
