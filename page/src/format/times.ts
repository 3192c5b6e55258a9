// Times for display, in the browser's time zone.

import type { Bucket } from "../api/contract.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTH = 30.44 * DAY;
const YEAR = 365.25 * DAY;

const clockTime = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const shortTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

const dayWithWeekday = withOtherYear({ weekday: "short", day: "numeric", month: "short" });
const dayOnly = withOtherYear({ day: "numeric", month: "short" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const monthOnly = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** Returns a formatter that adds the year unless it is the current one. */
function withOtherYear(options: Intl.DateTimeFormatOptions): (at: number) => string {
  const thisYear = new Intl.DateTimeFormat(undefined, options);
  const otherYear = new Intl.DateTimeFormat(undefined, { ...options, year: "numeric" });
  return (at) => (new Date(at).getFullYear() === new Date().getFullYear() ? thisYear : otherYear).format(at);
}

/** 14:03:12 */
export function timeOfDay(at: number): string {
  return clockTime.format(at);
}

/** 14:03 */
export function hourAndMinute(at: number): string {
  return shortTime.format(at);
}

/** Tue 24 Nov; of another year: Mon 24 Nov 2014 */
export function day(at: number): string {
  return dayWithWeekday(at);
}

/** 24 Nov; of another year: 24 Nov 2014 */
export function shortDay(at: number): string {
  return dayOnly(at);
}

/** Nov 2026 */
export function month(at: number): string {
  return monthOnly.format(at);
}

/** In full, with the time zone. */
export function inFull(at: number): string {
  return full.format(at);
}

/** The time of day; with the day unless that is `now`'s. */
export function dayAndTime(at: number, now: number): string {
  return isSameDay(at, now) ? timeOfDay(at) : `${day(at)}, ${timeOfDay(at)}`;
}

/** For a row: the time of day on `now`'s day, the weekday within a week, else the date. */
export function rowTime(at: number, now: number): string {
  if (isSameDay(at, now)) return timeOfDay(at);
  return Math.abs(now - at) < 6 * DAY ? `${weekday.format(at)} ${hourAndMinute(at)}` : shortDay(at);
}

export function isSameDay(one: number, other: number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
}

/** Tue 24 Nov, 10:00 – 12:00, or Tue 24 Nov, 10:00 – Wed 25 Nov, 12:00 */
export function interval(from: number, to: number): string {
  const end = isSameDay(from, to) ? hourAndMinute(to) : `${day(to)}, ${hourAndMinute(to)}`;
  return `${day(from)}, ${hourAndMinute(from)} – ${end}`;
}

/** A length of time in its largest unit: 8 s, 12 min, 3 h, 2 days, 5 months, 12 years. */
export function duration(ms: number): string {
  const span = Math.max(0, ms);
  if (span < 90 * SECOND) return `${Math.round(span / SECOND)} s`;
  if (span < 90 * MINUTE) return `${Math.round(span / MINUTE)} min`;
  if (span < 36 * HOUR) return `${Math.round(span / HOUR)} h`;
  if (span < 60 * DAY) return `${Math.round(span / DAY)} days`;
  if (span < 2 * YEAR) return `${Math.round(span / MONTH)} months`;
  return `${Math.round(span / YEAR)} years`;
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

/** Formats a time for `<input type="datetime-local">`. */
export function toInput(at: number): string {
  const local = new Date(at - new Date(at).getTimezoneOffset() * MINUTE);
  return local.toISOString().slice(0, 19);
}

/** Parses the value of `<input type="datetime-local">`; NaN if it has none. */
export function fromInput(text: string): number {
  return new Date(text).getTime();
}

/** Returns the browser's time zone by its IANA name. */
export function timeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
