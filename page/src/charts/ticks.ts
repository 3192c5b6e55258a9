// The labels of a time axis: at round local times, as many as fit.

import type { Bucket } from "../api/contract.ts";
import { hourAndMinute, isSameDay, month, shortDay, wallClock } from "../format/times.ts";

export interface Tick {
  index: number;
  /** Lines of text. */
  label: string[];
}

/** `date` and `before` have the local time in their UTC fields. */
type Step = { matches: (date: Date, before: Date | null) => boolean; label: (at: number) => string };

const minutes = (step: number): Step => ({
  matches: (date) => (date.getUTCHours() * 60 + date.getUTCMinutes()) % step === 0,
  label: hourAndMinute,
});
const days = (step: number): Step => ({
  // compared with the day before: a day may lack its midnight
  matches: (date, before) =>
    (before === null ? date.getUTCHours() * 60 + date.getUTCMinutes() === 0 : dayNumber(before) !== dayNumber(date)) &&
    dayNumber(date) % step === 0,
  label: shortDay,
});
const months = (step: number): Step => ({
  matches: (date, before) =>
    date.getUTCDate() === 1 &&
    (before === null ? date.getUTCHours() === 0 : before.getUTCDate() !== 1) &&
    date.getUTCMonth() % step === 0,
  label: month,
});

const STEPS: Step[] = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map(minutes),
  ...[1, 2, 7, 14].map(days),
  ...[1, 3, 6, 12].map(months),
];

function dayNumber(date: Date): number {
  return Math.floor(date.getTime() / 86_400_000) - 4; // 0 is a Monday
}

/** Returns at most `most` ticks for buckets that start at `starts`. */
export function timeTicks(starts: readonly number[], bucket: Bucket, most: number): Tick[] {
  const clocks = starts.map(wallClock);
  for (const { matches, label } of STEPS) {
    const indexes = [...starts.keys()].filter((index) => matches(clocks[index] as Date, clocks[index - 1] ?? null));
    if (indexes.length <= most && (indexes.length > 1 || starts.length <= 2)) return labelled(starts, indexes, label);
  }
  // weeks, and what no round step fits: evenly, from the first
  const apart = Math.max(1, Math.ceil(starts.length / Math.max(1, most)));
  const indexes = [...starts.keys()].filter((index) => index % apart === 0);
  const label = bucket === "month" ? month : bucket === "minute" || bucket === "hour" ? hourAndMinute : shortDay;
  return labelled(starts, indexes, label);
}

/** Labels ticks. Times of day get the date below them where it changes, unless all of them are today's. */
function labelled(starts: readonly number[], indexes: number[], label: (at: number) => string): Tick[] {
  const isToday = starts.every((at) => isSameDay(at, Date.now()));
  let before: number | null = null;
  return indexes.map((index) => {
    const at = starts[index] ?? 0;
    const showDay = label === hourAndMinute && !isToday && (before === null || !isSameDay(before, at));
    before = at;
    return { index, label: showDay ? [label(at), shortDay(at)] : [label(at)] };
  });
}
