// Which buckets of a time axis get a label, and what it says: round local times, as many as there is room for.

import type { Bucket } from "../contract.ts";
import { hourAndMinute, month, shortDay } from "../format/times.ts";

export interface Tick {
  index: number;
  label: string;
}

type Step = { every: (date: Date, before: Date | null) => boolean; label: (at: number) => string };

const minutes = (step: number): Step => ({
  every: (date) => (date.getHours() * 60 + date.getMinutes()) % step === 0,
  label: hourAndMinute,
});
const days = (step: number): Step => ({
  // a day whose midnight is skipped begins later
  every: (date, before) =>
    (before === null ? date.getHours() * 60 + date.getMinutes() === 0 : dayNumber(before) !== dayNumber(date)) &&
    dayNumber(date) % step === 0,
  label: shortDay,
});
const months = (step: number): Step => ({
  every: (date, before) =>
    date.getDate() === 1 &&
    (before === null ? date.getHours() === 0 : before.getDate() !== 1) &&
    date.getMonth() % step === 0,
  label: month,
});

const STEPS: Step[] = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map(minutes),
  ...[1, 2, 7, 14].map(days),
  ...[1, 3, 6, 12].map(months),
];

function dayNumber(date: Date): number {
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000) - 4; // 0 is a Monday
}

/** At most `most` ticks for buckets that begin at `starts`. */
export function timeTicks(starts: readonly number[], bucket: Bucket, most: number): Tick[] {
  for (const step of STEPS) {
    const ticks = starts.flatMap((at, index) => {
      const before = starts[index - 1];
      const wanted = step.every(new Date(at), before === undefined ? null : new Date(before));
      return wanted ? [{ index, label: step.label(at) }] : [];
    });
    if (ticks.length <= most && (ticks.length > 1 || starts.length <= 2)) return ticks;
  }
  // weeks, and what no round step fits: evenly, from the first
  const apart = Math.max(1, Math.ceil(starts.length / Math.max(1, most)));
  const label = bucket === "month" ? month : bucket === "minute" || bucket === "hour" ? hourAndMinute : shortDay;
  return starts.flatMap((at, index) => (index % apart === 0 ? [{ index, label: label(at) }] : []));
}
