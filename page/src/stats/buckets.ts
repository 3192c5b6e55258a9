// A series as the chart needs it: a number for every bucket, also where nothing happened.

import type { Bucket, SeriesPoint } from "../contract.ts";

export interface Series {
  bucket: Bucket;
  /** When each bucket begins, without a hole. */
  starts: number[];
  /** Events of each type, one number for each bucket. */
  byType: Map<string, number[]>;
  totals: number[];
  /** Whether the first and the last bucket reach beyond the range. */
  cutFirst: boolean;
  cutLast: boolean;
}

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

/** About how long a bucket is; a local day may be longer or shorter. */
const LENGTHS: Record<Bucket, number> = {
  minute: MINUTE,
  hour: 60 * MINUTE,
  day: DAY,
  week: 7 * DAY,
  month: 31 * DAY,
};

/** The points of a range (`from` and `to` null: all there is) in the service's buckets, which knows every zone's days. */
export function wholeSeries(
  points: readonly SeriesPoint[],
  buckets: readonly string[],
  bucket: Bucket,
  from: number | null,
  to: number | null,
): Series {
  const times = points.map((point) => Date.parse(point.bucket));
  // a point makes its own bucket rather than not being counted
  const starts = [...new Set([...buckets.map((text) => Date.parse(text)), ...times])].sort((one, other) => one - other);
  const place = new Map(starts.map((at, index) => [at, index]));
  const byType = new Map<string, number[]>();
  const totals = new Array<number>(starts.length).fill(0);
  for (const [number, point] of points.entries()) {
    const index = place.get(times[number] as number) as number;
    let counts = byType.get(point.event_type);
    if (!counts) {
      counts = new Array<number>(starts.length).fill(0);
      byType.set(point.event_type, counts);
    }
    counts[index] = (counts[index] ?? 0) + point.events;
    totals[index] = (totals[index] ?? 0) + point.events;
  }
  return {
    bucket,
    starts,
    byType,
    totals,
    cutFirst: from !== null && (starts[0] ?? from) < from,
    cutLast: to !== null && starts.length > 0 && endOf(starts, starts.length - 1, bucket) > to,
  };
}

/** When a bucket ends. */
export function endOf(starts: readonly number[], index: number, bucket: Bucket): number {
  return starts[index + 1] ?? (starts[index] ?? 0) + LENGTHS[bucket];
}
