// The requests to /stats.

import type { RetentionBucket } from "../api/contract.ts";
import { DAY, HOUR, MINUTE, type Range } from "../view/ranges.ts";

export interface Question {
  range: Range;
  /** Event type patterns; empty: all types. */
  types: readonly string[];
  /** IANA name. */
  zone: string;
}

/** Totals and series of the range; with `compare`, the totals of the period before; with `perBucket`, its users. */
export function mainRequest(question: Question, compare: boolean, perBucket: boolean, now: number): string {
  const query = baseQuery(question, now);
  if (perBucket) query.set("users", "series");
  if (compare && question.range.ms !== null) query.set("compare", "previous");
  return `/stats?${query}`;
}

/** The buckets of a range that have events, to see how much of it they fill. */
export function densityRequest(range: Range, now: number): string {
  const query = baseQuery({ range, types: [], zone: "UTC" }, now);
  query.set("users", "false");
  return `/stats?${query}`;
}

/**
 * The most frequent paths. Nothing waits for them: they may be counted from single events, which may be past retention.
 * Long presets start at midnight (UTC) and have no end, since whole days are counted already.
 */
export function pathsRequest(question: Question, now: number): string {
  const query = baseQuery(question, now);
  const { limits, ms } = question.range;
  if (limits === null && ms !== null && ms >= 7 * DAY) {
    const start = now - ms;
    query.set("from", new Date(start - (start % DAY)).toISOString());
    query.delete("to");
  }
  query.set("bucket", "month");
  query.set("users", "false");
  query.set("top", "event_data.path");
  query.set("top_limit", "8");
  return `/stats?${query}`;
}

/** All types of the range, regardless of the filter. */
export function typesRequest({ range, zone }: Question, now: number): string {
  const query = baseQuery({ range, types: [], zone }, now);
  query.set("bucket", "month");
  return `/stats?${query}`;
}

/** The cohorts of the last twelve buckets; `returning` is empty for any type. */
export function retentionRequest(asked: {
  cohort: string;
  returning: string;
  bucket: RetentionBucket;
  zone: string;
}): string {
  const query = new URLSearchParams({ cohort: asked.cohort, bucket: asked.bucket });
  if (asked.returning !== "") query.set("returning", asked.returning);
  if (asked.zone !== "UTC") query.set("tz", asked.zone);
  return `/retention?${query}`;
}

/** Returns the limits of a range. Long presets start on the hour: past retention only whole hours are counted. */
function limitsOf({ limits, ms }: Range, now: number): [string, string] | null {
  if (limits !== null) return [new Date(limits.from).toISOString(), new Date(limits.to).toISOString()];
  if (ms === null) return null;
  if (ms < DAY) return [`-${ms / MINUTE}m`, "-0s"];
  const start = now - ms;
  return [new Date(start - (start % HOUR)).toISOString(), "-0s"];
}

function baseQuery({ range, types, zone }: Question, now: number): URLSearchParams {
  const query = new URLSearchParams();
  const limits = limitsOf(range, now);
  if (limits !== null) {
    query.set("from", limits[0]);
    query.set("to", limits[1]);
  }
  if (zone !== "UTC") query.set("tz", zone);
  for (const type of types) query.append("event_type", type);
  return query;
}
