// Requests to /ws: parameters of a new socket, and messages on an open one.

import { matches } from "../view/patterns.ts";
import { fulfils } from "../view/where.ts";
import type { Clock, Cursor, LogEvent } from "./contract.ts";
import { plain } from "./json.ts";

/** A multiple of the original pace, or `max`: as fast as possible. */
export type Speed = number | "max";

export interface Selection {
  /** Event type patterns; empty: all types. */
  readonly types: readonly string[];
  /** A user id with all its digits; null: all users. */
  readonly user: string | null;
  /** Conditions on properties; the service compares them in counts, the page in the stream. */
  readonly where: readonly string[];
}

export const EVERYTHING: Selection = { types: [], user: null, where: [] };

export function isSelected({ types, user, where }: Selection, event: LogEvent): boolean {
  const isOfUser = user === null || (event.user_id !== null && user === plain(event.user_id));
  return matches(types, event.event_type) && isOfUser && fulfils(where, event);
}

export interface Pace {
  readonly speed: Speed;
  readonly clock: Clock;
}

/** Returns the address of a stream that starts at `from`. */
export function streamAddress(base: string, from: string, selection: Selection, pace: Pace): string {
  const address = new URL("/ws", base);
  address.protocol = address.protocol.replace("http", "ws");
  const query = address.searchParams;
  query.set("from", from);
  for (const type of selection.types) query.append("event_type", type);
  if (selection.user !== null) query.set("user_id", selection.user);
  if (pace.speed !== "max") query.set("speed", String(pace.speed));
  if (pace.clock !== "log") query.set("clock", pace.clock);
  return address.href;
}

export function seekMessage(from: string | Cursor, pace: Pace): string {
  return JSON.stringify({ kind: "seek", from, speed: pace.speed, clock: pace.clock });
}

export function filterMessage(selection: Selection): string {
  return JSON.stringify({ kind: "filter", event_type: selection.types, user_id: selection.user });
}

export const PAUSE = '{"kind":"pause"}';
