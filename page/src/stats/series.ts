// A series for the chart: one number per bucket, also for empty buckets.

import type { Bucket, OtherPoint, SeriesPoint } from "../api/contract.ts";
import { DAY, HOUR, MINUTE } from "../view/ranges.ts";

export interface Series {
  bucket: Bucket;
  /** Start of each bucket, without gaps, ms. */
  starts: number[];
  /** Events of each type, one number per bucket. */
  byType: Map<string, number[]>;
  /** Events of the types that have no name here; null: all have. */
  others: number[] | null;
  totals: number[];
  /** Unique users per bucket; null: not counted. */
  users: number[] | null;
  /** Whether the first or last bucket extends beyond the range. */
  cutFirst: boolean;
  cutLast: boolean;
}

/** Nominal lengths; a local day may have 23 or 25 hours. */
const LENGTHS: Record<Bucket, number> = { minute: MINUTE, hour: HOUR, day: DAY, week: 7 * DAY, month: 31 * DAY };

/** Arranges the points of a range (`from` and `to` null: all time) in the service's buckets; `rest` has no types. */
export function wholeSeries(
  points: readonly SeriesPoint[],
  rest: readonly OtherPoint[],
  buckets: readonly string[],
  users: readonly number[] | null,
  bucket: Bucket,
  from: number | null,
  to: number | null,
): Series {
  const times = [...points, ...rest].map((point) => Date.parse(point.bucket));
  // a point outside the buckets adds its own: it must not go uncounted
  const starts = [...new Set([...buckets.map((text) => Date.parse(text)), ...times])].sort((one, other) => one - other);
  const indexes = new Map(starts.map((at, index) => [at, index]));
  const byType = new Map<string, number[]>();
  const totals = new Array<number>(starts.length).fill(0);
  const others = rest.length > 0 ? new Array<number>(starts.length).fill(0) : null;
  const add = (counts: number[], { bucket, events }: OtherPoint): void => {
    const index = indexes.get(Date.parse(bucket)) as number;
    counts[index] = (counts[index] ?? 0) + events;
    totals[index] = (totals[index] ?? 0) + events;
  };
  for (const point of points) {
    let counts = byType.get(point.event_type);
    if (!counts) {
      counts = new Array<number>(starts.length).fill(0);
      byType.set(point.event_type, counts);
    }
    add(counts, point);
  }
  if (others) for (const point of rest) add(others, point);
  const usersAt = users && new Map(buckets.map((text, index) => [Date.parse(text), users[index]]));
  return {
    bucket,
    starts,
    byType,
    others,
    totals,
    users: usersAt && starts.map((at) => usersAt.get(at) ?? 0),
    cutFirst: from !== null && (starts[0] ?? from) < from,
    cutLast: to !== null && starts.length > 0 && endOf(starts, starts.length - 1, bucket) > to,
  };
}

/** Returns the end of a bucket. */
export function endOf(starts: readonly number[], index: number, bucket: Bucket): number {
  return starts[index + 1] ?? (starts[index] ?? 0) + LENGTHS[bucket];
}
