// What is asked of /ws, as parameters of a new socket and as messages on an open one.

import type { Clock, Cursor, LogEvent } from "../contract.ts";
import { plain } from "../json.ts";
import { matches } from "../patterns.ts";

/** A factor of the original pace, or `max`: as fast as it goes. */
export type Speed = number | "max";

export interface Selection {
  /** Patterns over event types; none: all. */
  readonly types: readonly string[];
  /** A user's id, all digits; null: everybody. */
  readonly user: string | null;
}

export function wants({ types, user }: Selection, event: LogEvent): boolean {
  return matches(types, event.event_type) && (user === null || user === plain(event.user_id));
}

export interface Pace {
  readonly speed: Speed;
  readonly clock: Clock;
}

/** The address of a stream that begins at `from`. */
export function streamAddress(base: string, from: string, selection: Selection, pace: Pace): string {
  const address = new URL("/ws", base);
  address.protocol = address.protocol.replace("http", "ws");
  const wanted = address.searchParams;
  wanted.set("from", from);
  for (const type of selection.types) wanted.append("event_type", type);
  if (selection.user !== null) wanted.set("user_id", selection.user);
  if (pace.speed !== "max") wanted.set("speed", String(pace.speed));
  if (pace.clock !== "log") wanted.set("clock", pace.clock);
  return address.href;
}

export function seekMessage(from: string | Cursor, pace: Pace): string {
  return JSON.stringify({ kind: "seek", from, speed: pace.speed, clock: pace.clock });
}

export function filterMessage(selection: Selection): string {
  // the id goes out as the digits it is: a number would round it
  const user = selection.user ?? "null";
  return `{"kind":"filter","event_type":${JSON.stringify(selection.types)},"user_id":${user}}`;
}

export const PAUSE = '{"kind":"pause"}';
