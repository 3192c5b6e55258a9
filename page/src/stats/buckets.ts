// A series as /stats has it, made whole: every bucket of the range, also where nothing happened.

import type { Bucket, SeriesPoint } from "../contract.ts";

const MOST = 2_000; // buckets; the service gives at most 500

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

/** The buckets from `from` to `to` (null: of the first and of the last point) in the browser's time zone. */
export function wholeSeries(
  points: readonly SeriesPoint[],
  bucket: Bucket,
  from: number | null,
  to: number | null,
): Series {
  const times = points.map((point) => Date.parse(point.bucket));
  const first = from ?? times[0];
  const last = to ?? times.at(-1);
  const starts: number[] = [];
  if (first !== undefined && last !== undefined) {
    for (let at = startOf(first, bucket); at <= last && starts.length < MOST; at = nextStart(at, bucket))
      starts.push(at);
    if (to !== null && starts.at(-1) === to) starts.pop(); // `to` itself is outside
  }
  const place = new Map(starts.map((at, index) => [at, index]));
  const byType = new Map<string, number[]>();
  const totals = new Array<number>(starts.length).fill(0);
  for (const [number, point] of points.entries()) {
    const index = place.get(times[number] as number);
    if (index === undefined) continue;
    let counts = byType.get(point.event_type);
    if (!counts) {
      counts = new Array<number>(starts.length).fill(0);
      byType.set(point.event_type, counts);
    }
    counts[index] = (counts[index] ?? 0) + point.events;
    totals[index] = (totals[index] ?? 0) + point.events;
  }
  const end = starts.length ? nextStart(starts.at(-1) as number, bucket) : 0;
  return {
    bucket,
    starts,
    byType,
    totals,
    cutFirst: from !== null && (starts[0] ?? from) < from,
    cutLast: to !== null && end > to,
  };
}

/** When the bucket around a moment begins. */
export function startOf(at: number, bucket: Bucket): number {
  const date = new Date(at);
  if (bucket === "minute") return at - (at % 60_000);
  if (bucket === "hour") return at - (at % 3_600_000); // hours are UTC's, as the service has them
  date.setHours(0, 0, 0, 0);
  if (bucket === "week") date.setDate(date.getDate() - ((date.getDay() + 6) % 7)); // Monday
  if (bucket === "month") date.setDate(1);
  return date.getTime();
}

/** When the next bucket begins; a local day has 23 to 25 hours. */
export function nextStart(at: number, bucket: Bucket): number {
  if (bucket === "minute") return at + 60_000;
  if (bucket === "hour") return at + 3_600_000;
  const date = new Date(at);
  if (bucket === "month") date.setMonth(date.getMonth() + 1);
  else date.setDate(date.getDate() + (bucket === "week" ? 7 : 1));
  return date.getTime();
}
