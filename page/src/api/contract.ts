// The query service's messages, as /openapi.json and the AsyncAPI document of /ws define them.

/** A position in the log: `<epoch>:<sequence>:<fingerprint>`. A stream from a cursor starts behind that entry. */
export type Cursor = string;

/** A JSON value. Integers beyond 2^53 keep all digits (see json.ts). */
export type Json = null | boolean | number | string | RawJson | Json[] | { [key: string]: Json };

/** The result of `JSON.rawJSON`. */
export interface RawJson {
  readonly rawJSON: string;
}

export interface LogEvent {
  cursor: Cursor;
  /** When it was appended. Absent in `/events`. */
  logged_at?: string;
  event_id: string;
  event_type: string;
  /** A 64-bit integer, beyond 2^53 its digits; null: an event without a user. */
  user_id: number | string | null;
  created_at: string;
  event_data: Json;
  event_version?: number;
}

export type Clock = "log" | "event";

export interface Hello {
  kind: "hello";
  epoch: string;
  first: Cursor | null;
  last: Cursor | null;
  cursor: Cursor;
}

export interface Events {
  kind: "events";
  cursor: Cursor;
  events: LogEvent[];
}

export interface CaughtUp {
  kind: "caught_up";
  cursor: Cursor;
}

export interface Progress {
  kind: "progress";
  cursor: Cursor;
}

export interface Gap {
  kind: "gap";
  asked: Cursor;
  resumed_at: Cursor;
  reason: string;
}

export interface End {
  kind: "end";
  cursor: Cursor;
}

/** The answer to each message of the client. */
export interface State {
  kind: "state";
  cursor: Cursor;
  paused: boolean;
}

export type Frame = Hello | Events | CaughtUp | Progress | Gap | End | State;

export const CLOSED = { shuttingDown: 3001, tooSlow: 3008, badRequest: 3501, notAllowed: 3503, tryLater: 1013 };

export type Bucket = "minute" | "hour" | "day" | "week" | "month";

export interface Totals {
  events: number;
  /** null: not requested, or of too many types. */
  users: number | null;
}

export interface TypeTotals extends Totals {
  event_type: string;
}

/** Event types that are not named, together. */
export interface OtherTotals extends Totals {
  types: number;
}

export interface OtherPoint {
  bucket: string;
  events: number;
}

export interface SeriesPoint extends OtherPoint {
  event_type: string;
}

export interface TopValues {
  property: string;
  /** `events`: single events, which have no users. */
  source: "pages" | "events";
  /** The types that were counted although no type was asked for; null: as requested. */
  event_types: string[] | null;
  /** Whether only the newest events were counted, those from `counted_from` on. */
  partial: boolean;
  /** null: from the first event. */
  counted_from: string | null;
  values: { value: Json; events: number; users: number | null }[];
  other: number;
  missing: number;
}

export interface Stats {
  from: string | null;
  to: string | null;
  bucket: Bucket;
  totals: Totals;
  by_type: TypeTotals[];
  /** Start of every bucket of the range, empty ones included. */
  buckets: string[];
  series: SeriesPoint[];
  /** null: all types are named. */
  other_types: (OtherTotals & { series: OtherPoint[] }) | null;
  /** Of each of `buckets`; null: not requested. */
  users_per_bucket: number[] | null;
  top: TopValues | null;
  /** Which events were compared with `where`; null without it. */
  matching: { partial: boolean; counted_from: string | null } | null;
  previous: { from: string; to: string; totals: Totals; by_type: TypeTotals[] } | null;
  as_of: {
    cursor: Cursor | null;
    revision: number;
    lag_events: number | null;
    lag_seconds: number | null;
    late_pending: number;
    stale: boolean;
  };
}

/** `GET /stats/properties`: what the newest events have. */
export interface Properties {
  properties: { name: string; events: number; values: number }[];
  sampled: number;
  partial: boolean;
}

export type RetentionBucket = "day" | "week" | "month";

/** `GET /retention`. */
export interface Retention {
  bucket: RetentionBucket;
  /** `returning`: the users of the cohort that return in the same bucket, in the next one, and so on. */
  cohorts: { bucket: string; users: number; returning: number[] }[];
}

/** `GET /status`; null means unknown while the log or the database does not answer. */
export interface Status {
  live_clients: number;
  last_seq: number | null;
  projected_seq: number | null;
  lag_events: number | null;
  lag_seconds: number | null;
  parked: number | null;
  /** After an upgrade, the old read model answers while the new one is built. */
  stale: boolean | null;
  /** Projections of the user that have stopped. */
  failed_projections: { name: string; version: number; error: string }[] | null;
  /** null: no problem. */
  problem: { code: string; message: string } | null;
}

/** `GET /events`. */
export interface EventList {
  events: LogEvent[];
  next: string | null;
}

/** `GET /events/{event_id}`. */
export interface EventPlace {
  event_id: string;
  state: string;
  log: { cursor: Cursor; logged_at: string } | null;
  parked: { code: string; reason: string; parked_at: string } | null;
}

/** An error (RFC 9457). */
export interface Problem {
  title: string;
  detail: string;
}
