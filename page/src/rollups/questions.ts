// What can be asked of the user's rollups: GET /projections lists them, GET /projections/{name} answers.

import type { Json } from "../api/contract.ts";
import { DAY, HOUR, MINUTE, type Range } from "../view/ranges.ts";

/** A projection in `GET /projections`. */
export interface Listed {
  name: string;
  kind: "rollup" | "fold" | "sql";
  state: string;
  dimensions: string[];
  measures: string[];
  /** Lengths of the kept buckets, the shortest first. */
  buckets: ("minute" | "hour" | "day")[];
}

/** An answer of `GET /projections/{name}`. */
export interface Rows {
  rows: Record<string, Json>[];
  more: boolean;
  limit_reached: boolean;
}

/** A dimension of a rollup. */
export interface Dimension {
  id: string;
  rollup: Listed;
  name: string;
}

const LENGTHS = { minute: MINUTE, hour: HOUR, day: DAY };
export const SHOWN = 10;
const BUILT_IN = "pages"; // the values of the path show it

/** The dimensions of the user's rollups that have rows to read. */
export function dimensions(listed: readonly Listed[]): Dimension[] {
  const readable = listed.filter(
    ({ name, kind, state }) => name !== BUILT_IN && kind === "rollup" && (state === "live" || state === "orphaned"),
  );
  return readable.flatMap((rollup) =>
    rollup.dimensions.map((name) => ({ id: `${rollup.name}.${name}`, rollup, name })),
  );
}

/** Asks for the values with the largest `measure`; a range begins and ends with a whole bucket (UTC). */
export function rowsRequest({ rollup, name }: Dimension, measure: string, range: Range, now: number): string {
  const query = new URLSearchParams({ by: name, order: `-${measure}`, limit: `${SHOWN}` });
  const limits = wholeBuckets(range, rollup, now);
  if (limits?.from !== undefined) query.set("from", new Date(limits.from).toISOString());
  if (limits?.to !== undefined) query.set("to", new Date(limits.to).toISOString());
  return `/projections/${rollup.name}?${query}`;
}

/** The limits of a range, moved outwards to the shortest bucket that the rollup keeps; without `to` it ends now. */
export function wholeBuckets(range: Range, { buckets }: Listed, now: number): { from: number; to?: number } | null {
  const length = LENGTHS[buckets[0] ?? "day"];
  const start = (time: number): number => Math.floor(time / length) * length;
  if (range.limits !== null) {
    return { from: start(range.limits.from), to: Math.ceil(range.limits.to / length) * length };
  }
  return range.ms === null ? null : { from: start(now - range.ms) };
}
