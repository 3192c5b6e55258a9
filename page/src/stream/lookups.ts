// What the stream asks the read model for. It does without where that does not answer.

import type { Cursor, EventList, LogEvent } from "../contract.ts";
import { ask } from "../stats/asking.ts";
import { seqOf } from "./cursors.ts";
import type { Selection } from "./request.ts";

const ENOUGH = 3; // events before a moment, by which its place is found: one alone may have come late

/** Where the log has what happened from a moment on; the moment itself where that can't be known. */
export async function placeOf(moment: string): Promise<Cursor | string> {
  try {
    const { events } = await ask<EventList>(`/events?limit=${ENOUGH}&to=${encodeURIComponent(moment)}`);
    const [first] = events.toSorted((one, other) => seqOf(one.cursor) - seqOf(other.cursor));
    return first?.cursor ?? "earliest";
  } catch {
    return moment;
  }
}

/** The last events of a selection, newest first. */
export async function latestEvents({ types, user }: Selection, limit: number): Promise<LogEvent[]> {
  const wanted = new URLSearchParams({ limit: String(limit) });
  for (const type of types) wanted.append("event_type", type);
  if (user !== null) wanted.set("user_id", user);
  try {
    return (await ask<EventList>(`/events?${wanted}`)).events;
  } catch {
    return [];
  }
}
