// The ranges that can be chosen.

export interface Range {
  id: string;
  label: string;
  /** For small screens. */
  short: string;
  /** For a sentence: "in the last hour". */
  phrase: string;
  /** Its length; null: all time. */
  ms: number | null;
}

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const RANGES: readonly Range[] = [
  { id: "15m", label: "15 min", short: "15m", phrase: "in the last 15 minutes", ms: 15 * MINUTE },
  { id: "1h", label: "1 hour", short: "1h", phrase: "in the last hour", ms: HOUR },
  { id: "24h", label: "24 hours", short: "24h", phrase: "in the last 24 hours", ms: DAY },
  { id: "7d", label: "7 days", short: "7d", phrase: "in the last 7 days", ms: 7 * DAY },
  { id: "30d", label: "30 days", short: "30d", phrase: "in the last 30 days", ms: 30 * DAY },
  { id: "all", label: "All", short: "All", phrase: "of all time", ms: null },
];

export const DEFAULT_RANGE = RANGES[1] as Range;
export const ALL_TIME = RANGES.at(-1) as Range;

export function rangeById(id: string | null): Range {
  return RANGES.find((range) => range.id === id) ?? DEFAULT_RANGE;
}
