// Times for display, in the chosen time zone, with 24 or 12 hours as the browser's locale has them.

import { computed, signal } from "@preact/signals";
import type { Bucket } from "../api/contract.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTH = 30.44 * DAY;
const YEAR = 365.25 * DAY;

/** The chosen time zone, by its IANA name. */
export const timeZone = signal(browserZone());

const formats = computed(() => {
  const zone = timeZone.value;
  const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat(undefined, { ...options, timeZone: zone });
  const clock = format({ hour: "2-digit" }).resolvedOptions().hour12
    ? ({ hour: "numeric", minute: "2-digit" } as const)
    : // h23: some locales show midnight as 24
      ({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const);
  /** Adds the year unless it is the current one. */
  const withOtherYear = (options: Intl.DateTimeFormatOptions): ((at: number) => string) => {
    const [thisYear, otherYear] = [format(options), format({ ...options, year: "numeric" })];
    return (at) => (year.format(at) === year.format(Date.now()) ? thisYear : otherYear).format(at);
  };
  const year = format({ year: "numeric" });
  return {
    clockTime: format({ ...clock, second: "2-digit" }),
    shortTime: format(clock),
    dayWithWeekday: withOtherYear({ weekday: "short", day: "numeric", month: "short" }),
    dayOnly: withOtherYear({ day: "numeric", month: "short" }),
    weekday: format({ weekday: "short" }),
    monthOnly: format({ month: "short", year: "numeric" }),
    full: format({ dateStyle: "full", timeStyle: "long" }),
    fields: new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    }),
  };
});

/** 14:03:12 */
export function timeOfDay(at: number): string {
  return formats.value.clockTime.format(at);
}

/** 14:03 */
export function hourAndMinute(at: number): string {
  return formats.value.shortTime.format(at);
}

/** Tue 24 Nov; of another year: Mon 24 Nov 2014 */
export function day(at: number): string {
  return formats.value.dayWithWeekday(at);
}

/** 24 Nov; of another year: 24 Nov 2014 */
export function shortDay(at: number): string {
  return formats.value.dayOnly(at);
}

/** Nov 2026 */
export function month(at: number): string {
  return formats.value.monthOnly.format(at);
}

/** In full, with the time zone. */
export function inFull(at: number): string {
  return formats.value.full.format(at);
}

/** The time of day; with the day unless that is `now`'s. */
export function dayAndTime(at: number, now: number): string {
  return isSameDay(at, now) ? timeOfDay(at) : `${day(at)}, ${timeOfDay(at)}`;
}

/** For a row: the time of day on `now`'s day, the weekday within a week, else the date. */
export function rowTime(at: number, now: number): string {
  if (isSameDay(at, now)) return timeOfDay(at);
  return Math.abs(now - at) < 6 * DAY ? `${formats.value.weekday.format(at)} ${hourAndMinute(at)}` : shortDay(at);
}

export function isSameDay(one: number, other: number): boolean {
  return formats.value.dayWithWeekday(one) === formats.value.dayWithWeekday(other);
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
  return wallClock(at).toISOString().slice(0, 19);
}

/** Parses the value of `<input type="datetime-local">`; NaN if it has none. */
export function fromInput(text: string): number {
  const shown = new Date(`${text}Z`).getTime();
  if (Number.isNaN(shown)) return shown;
  // the offset may differ between the first guess and the time itself
  let at = shown;
  for (let step = 0; step < 2; step += 1) at = shown - (wallClock(at).getTime() - at);
  return at;
}

/** Returns a date whose UTC fields show the time in the chosen zone. */
export function wallClock(at: number): Date {
  const field: Record<string, number> = {};
  for (const { type, value } of formats.value.fields.formatToParts(at)) field[type] = Number(value);
  const { year = 0, month = 1, day: date = 1, hour = 0, minute = 0, second = 0 } = field;
  return new Date(Date.UTC(year, month - 1, date, hour, minute, second));
}

/** Returns the browser's time zone by its IANA name. */
export function browserZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** Returns every time zone that can be chosen. */
export function timeZones(): string[] {
  return [...new Set([browserZone(), "UTC", ...Intl.supportedValuesOf("timeZone")])];
}
