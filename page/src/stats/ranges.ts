// The ranges to choose from, and what /stats is asked for each.

export interface Range {
  id: string;
  label: string;
  /** Where there is little room. */
  short: string;
  /** For a sentence: "in the last hour". */
  phrase: string;
  /** Its length; null: all there is. */
  ms: number | null;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const RANGES: readonly Range[] = [
  { id: "15m", label: "15 min", short: "15m", phrase: "in the last 15 minutes", ms: 15 * MINUTE },
  { id: "1h", label: "1 hour", short: "1h", phrase: "in the last hour", ms: HOUR },
  { id: "24h", label: "24 hours", short: "24h", phrase: "in the last 24 hours", ms: DAY },
  { id: "7d", label: "7 days", short: "7d", phrase: "in the last 7 days", ms: 7 * DAY },
  { id: "30d", label: "30 days", short: "30d", phrase: "in the last 30 days", ms: 30 * DAY },
  { id: "all", label: "All", short: "All", phrase: "altogether", ms: null },
];

export const DEFAULT_RANGE = RANGES[1] as Range;
export const EVERYTHING = RANGES.at(-1) as Range;

export function rangeById(id: string | null): Range {
  return RANGES.find((range) => range.id === id) ?? DEFAULT_RANGE;
}

export interface Question {
  range: Range;
  types: readonly string[];
  zone: string;
}

/** The range in numbers; `compare`: and the period before. */
export function mainQuestion(asked: Question, compare: boolean, now: number): string {
  const wanted = question(asked, now);
  if (compare && asked.range.ms !== null) wanted.set("compare", "previous");
  return `/stats?${wanted}`;
}

/** The most frequent paths. A question of its own: it needs the single events, which may no longer be kept. */
export function pathsQuestion(asked: Question, now: number): string {
  const wanted = question(asked, now);
  wanted.set("bucket", "month");
  wanted.set("users", "false");
  wanted.set("top", "event_data.path");
  wanted.set("top_limit", "8");
  return `/stats?${wanted}`;
}

/** The types there are to choose from, whichever are chosen. */
export function typesQuestion({ range, zone }: Question, now: number): string {
  const wanted = question({ range, types: [], zone }, now);
  wanted.set("bucket", "month");
  return `/stats?${wanted}`;
}

/** When a range begins. Long ones begin with an hour: of old events the service keeps the counts of whole hours only. */
export function beginningOf({ ms }: Range, now: number): string | null {
  if (ms === null) return null;
  if (ms < DAY) return `-${ms / MINUTE}m`;
  const begin = now - ms;
  return new Date(begin - (begin % HOUR)).toISOString();
}

function question({ range, types, zone }: Question, now: number): URLSearchParams {
  const wanted = new URLSearchParams();
  const from = beginningOf(range, now);
  if (from !== null) {
    wanted.set("from", from);
    wanted.set("to", "-0s");
  }
  if (zone !== "UTC") wanted.set("tz", zone);
  for (const type of types) wanted.append("event_type", type);
  return wanted;
}
