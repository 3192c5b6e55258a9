// Moments as people read them, in the browser's time zone.

import type { Bucket } from "../contract.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clockTime = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const shortTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayName = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const dayOnly = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const monthOnly = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric" });
const exactly = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** 14:03:12 */
export function timeOfDay(at: number): string {
  return clockTime.format(at);
}

/** 14:03 */
export function hourAndMinute(at: number): string {
  return shortTime.format(at);
}

/** Tue 24 Nov */
export function day(at: number): string {
  return dayName.format(at);
}

/** 24 Nov */
export function shortDay(at: number): string {
  return dayOnly.format(at);
}

/** Nov 2026 */
export function month(at: number): string {
  return monthOnly.format(at);
}

/** In full, with its zone. */
export function inFull(at: number): string {
  return exactly.format(at);
}

/** The time, and the day where that isn't today. */
export function moment(at: number, now: number): string {
  return isSameDay(at, now) ? timeOfDay(at) : `${day(at)}, ${timeOfDay(at)}`;
}

/** For a row of many: the time of the same day as `now`'s, else the day as well or alone. */
export function rowTime(at: number, now: number): string {
  if (isSameDay(at, now)) return timeOfDay(at);
  return Math.abs(now - at) < 6 * DAY ? `${weekday.format(at)} ${hourAndMinute(at)}` : shortDay(at);
}

function isSameDay(one: number, other: number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
}

/** How long something takes or took, in its largest unit: 8 s, 12 min, 3 h, 2 days. */
export function duration(ms: number): string {
  const span = Math.max(0, ms);
  if (span < 90 * SECOND) return `${Math.round(span / SECOND)} s`;
  if (span < 90 * MINUTE) return `${Math.round(span / MINUTE)} min`;
  if (span < 36 * HOUR) return `${Math.round(span / HOUR)} h`;
  return `${Math.round(span / DAY)} days`;
}

/** What one bucket of a series covers. */
export function bucketName(start: number, bucket: Bucket): string {
  switch (bucket) {
    case "minute":
      return `${day(start)}, ${hourAndMinute(start)}`;
    case "hour":
      return `${day(start)}, ${hourAndMinute(start)} – ${hourAndMinute(start + HOUR)}`;
    case "day":
      return day(start);
    case "week":
      return `Week of ${shortDay(start)}`;
    case "month":
      return month(start);
  }
}

/** A moment as `<input type="datetime-local">` has it. */
export function toInput(at: number): string {
  const local = new Date(at - new Date(at).getTimezoneOffset() * MINUTE);
  return local.toISOString().slice(0, 19);
}

/** What `<input type="datetime-local">` has, as a moment; NaN if it has none. */
export function fromInput(text: string): number {
  return new Date(text).getTime();
}

/** The browser's time zone, by its IANA name. */
export function timeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
