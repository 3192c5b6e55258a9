// The ranges that can be chosen: presets that end now, and any interval.

import { interval } from "../format/times.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface Range {
  id: string;
  label: string;
  /** For small screens. */
  short: string;
  /** For a sentence: "in the last hour". */
  phrase: string;
  /** Its length; null: all time. */
  ms: number | null;
  /** Its limits, ms; null: it ends now. */
  limits: { from: number; to: number } | null;
}

function preset(id: string, label: string, short: string, phrase: string, ms: number | null): Range {
  return { id, label, short, phrase, ms, limits: null };
}

export const PRESETS: readonly Range[] = [
  preset("15m", "15 min", "15m", "in the last 15 minutes", 15 * MINUTE),
  preset("1h", "1 hour", "1h", "in the last hour", HOUR),
  preset("24h", "24 hours", "24h", "in the last 24 hours", DAY),
  preset("7d", "7 days", "7d", "in the last 7 days", 7 * DAY),
  preset("30d", "30 days", "30d", "in the last 30 days", 30 * DAY),
  preset("all", "All", "All", "of all time", null),
];

export const DEFAULT_PRESET = PRESETS[1] as Range;
export const ALL_TIME = PRESETS.at(-1) as Range;

export function presetById(id: string | null): Range | null {
  return PRESETS.find((range) => range.id === id) ?? null;
}

/** Returns the range between two times, ms. */
export function customRange(from: number, to: number): Range {
  const label = interval(from, to);
  return { id: "custom", label, short: label, phrase: `from ${label}`, ms: to - from, limits: { from, to } };
}
