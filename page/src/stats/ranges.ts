// The ranges to choose from, and what /stats is asked for each.

export interface Range {
  id: string;
  label: string;
  /** For a sentence: "in the last hour". */
  phrase: string;
  /** As /stats has it; null: all there is. */
  from: string | null;
  /** Its length; null: all there is. */
  ms: number | null;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export const RANGES: readonly Range[] = [
  { id: "15m", label: "15 min", phrase: "in the last 15 minutes", from: "-15m", ms: 15 * MINUTE },
  { id: "1h", label: "1 hour", phrase: "in the last hour", from: "-1h", ms: 60 * MINUTE },
  { id: "24h", label: "24 hours", phrase: "in the last 24 hours", from: "-24h", ms: DAY },
  { id: "7d", label: "7 days", phrase: "in the last 7 days", from: "-7d", ms: 7 * DAY },
  { id: "30d", label: "30 days", phrase: "in the last 30 days", from: "-30d", ms: 30 * DAY },
  { id: "all", label: "All", phrase: "altogether", from: null, ms: null },
];

export const DEFAULT_RANGE = RANGES[1] as Range;

export function rangeById(id: string | null): Range {
  return RANGES.find((range) => range.id === id) ?? DEFAULT_RANGE;
}

export interface Question {
  range: Range;
  types: readonly string[];
  zone: string;
}

/** Everything the page shows of a range. */
export function mainQuestion({ range, types, zone }: Question): string {
  const wanted = question(range, zone);
  for (const type of types) wanted.append("event_type", type);
  wanted.set("top", "event_data.path");
  wanted.set("top_limit", "8");
  if (range.from !== null) wanted.set("compare", "previous");
  return `/stats?${wanted}`;
}

/** The types there are to choose from, whichever are chosen. */
export function typesQuestion({ range, zone }: Question): string {
  const wanted = question(range, zone);
  wanted.set("bucket", "month");
  return `/stats?${wanted}`;
}

function question(range: Range, zone: string): URLSearchParams {
  const wanted = new URLSearchParams();
  if (range.from !== null) wanted.set("from", range.from);
  if (zone !== "UTC") wanted.set("tz", zone);
  return wanted;
}
