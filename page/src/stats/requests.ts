// The requests to /stats.

import type { RetentionBucket } from "../api/contract.ts";
import { DAY, HOUR, MINUTE, type Range } from "../view/ranges.ts";
import { type Breakdown, PATH } from "./breakdowns.ts";

export interface Question {
  range: Range;
  /** Event type patterns; empty: all types. */
  types: readonly string[];
  /** Conditions on properties. */
  where: readonly string[];
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
  const query = baseQuery({ range, types: [], where: [], zone: "UTC" }, now);
  query.set("users", "false");
  return `/stats?${query}`;
}

/**
 * The most frequent values of a property. Nothing waits for them: they may be counted from single events. Paths of long
 * presets start at midnight (UTC) and have no end, since whole days are counted already.
 */
export function breakdownRequest(
  question: Question,
  { property, where }: Breakdown,
  most: number,
  now: number,
): string {
  const conditions = [...question.where, ...where];
  const query = baseQuery({ ...question, where: conditions }, now);
  const { limits, ms } = question.range;
  if (property === PATH && conditions.length === 0 && limits === null && ms !== null && ms >= 7 * DAY) {
    const start = now - ms;
    query.set("from", new Date(start - (start % DAY)).toISOString());
    query.delete("to");
  }
  query.set("bucket", "month");
  query.set("top", property);
  query.set("top_limit", String(most));
  return `/stats?${query}`;
}

/** The properties that events have. */
export function propertiesRequest(question: Question, now: number): string {
  const query = baseQuery(question, now);
  query.delete("tz");
  return `/stats/properties?${query}`;
}

/** Returns the address of the same answer as a table. */
export function asTable(request: string): string {
  return `${request}&format=csv`;
}

/** All types of the range, regardless of the filter. */
export function typesRequest(question: Question, now: number): string {
  const query = baseQuery({ ...question, types: [] }, now);
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

function baseQuery({ range, types, where, zone }: Question, now: number): URLSearchParams {
  const query = new URLSearchParams();
  const limits = limitsOf(range, now);
  if (limits !== null) {
    query.set("from", limits[0]);
    query.set("to", limits[1]);
  }
  if (zone !== "UTC") query.set("tz", zone);
  for (const type of types) query.append("event_type", type);
  for (const condition of where) query.append("where", condition);
  return query;
}
