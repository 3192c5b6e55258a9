// The stream as the page shows it: where it is, what came, how fast.

import { computed, signal } from "@preact/signals";
import type { Gap } from "../contract.ts";
import { now } from "../state/now.ts";
import { serviceNow } from "../state/service_time.ts";
import { at, clock, pace } from "../state/view.ts";
import { status } from "../stats/store.ts";
import { beginsLater } from "./beginning.ts";
import type { Connection } from "./client.ts";
import { Counting } from "./counting.ts";
import { headline } from "./headline.ts";
import { perSecond, type RateView } from "./rates.ts";
import type { Pace } from "./request.ts";
import type { Row } from "./rows.ts";

export const connection = signal<Connection>({ kind: "connecting" });
export const paused = signal(false);
export const caughtUp = signal(false);
/** Whether anything came since the stream began where it began. */
export const begun = signal(false);
export const seen = signal(0); // sequence of the last entry that came
export const lookedBack = signal<number | null>(null); // entries, while a stream of now begins; null: it has begun
export const logEnd = signal<number | null>(null);

export const rows = signal<readonly Row[]>([]);
export const heldBack = signal(0);
export const rates = signal<RateView>(new Counting(serviceNow()).view());
/** Where the stream is in time, ms; null: nowhere yet. */
export const streamTime = signal<number | null>(null);

export const isReplay = computed(() => at.value !== null);
export const speed = computed(() => perSecond(rates.value));
export const behind = computed(() =>
  Math.max(0, Math.max(logEnd.value ?? 0, status.value?.last_seq ?? 0) - seen.value),
);
/** Whether the log has no entry at all; null: not known yet. */
export const logIsEmpty = computed(() => (logEnd.value === null ? null : Math.max(logEnd.value, seen.value) === 0));
/** When the log begins, where a replay waits for that. */
export const awaited = computed(() => (isReplay.value && !begun.value ? beginsLater.value : null));
/** What became of the log that was shown before; null: it is the same. */
export const otherLog = signal<Gap | null>(null);
export const isRefused = computed(() => connection.value.kind === "refused");
export const mayRetry = computed(() => connection.value.kind === "waiting");
export const situation = computed(() =>
  headline({
    connection: connection.value,
    replay: isReplay.value ? pace.value.speed : null,
    paused: paused.value,
    caughtUp: caughtUp.value,
    // what a stream of now looks back on is not what it is behind
    behind: lookedBack.value === null ? behind.value : 0,
    now: connection.value.kind === "waiting" ? now.value : 0,
  }),
);

/** How replays go unless something else sets their pace. */
export function usualPace(): Pace {
  return { speed: pace.peek().speed, clock: clock.peek() };
}
