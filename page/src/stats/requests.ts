// The requests to /stats.

import { DAY, HOUR, MINUTE, type Range } from "../view/ranges.ts";

export interface Question {
  range: Range;
  /** Event type patterns; empty: all types. */
  types: readonly string[];
  /** IANA name. */
  zone: string;
}

/** Totals and series of the range; with `compare`, the totals of the period before. */
export function mainRequest(question: Question, compare: boolean, now: number): string {
  const query = baseQuery(question, now);
  if (compare && question.range.ms !== null) query.set("compare", "previous");
  return `/stats?${query}`;
}

/** The most frequent paths. A separate request: it reads single events, which is slow and may be past retention. */
export function pathsRequest(question: Question, now: number): string {
  const query = baseQuery(question, now);
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

/** Returns the start of a range. Long ranges start on the hour: past retention only whole hours are counted. */
export function startOf({ ms }: Range, now: number): string | null {
  if (ms === null) return null;
  if (ms < DAY) return `-${ms / MINUTE}m`;
  const start = now - ms;
  return new Date(start - (start % HOUR)).toISOString();
}

function baseQuery({ range, types, zone }: Question, now: number): URLSearchParams {
  const query = new URLSearchParams();
  const from = startOf(range, now);
  if (from !== null) {
    query.set("from", from);
    query.set("to", "-0s");
  }
  if (zone !== "UTC") query.set("tz", zone);
  for (const type of types) query.append("event_type", type);
  return query;
}
