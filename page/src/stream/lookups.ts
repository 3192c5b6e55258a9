// What the stream asks the read model for. It does without where that does not answer.

import type { Cursor, EventList, Frame, LogEvent } from "../contract.ts";
import { parseJson } from "../json.ts";
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

/** When the newest event of a selection happened; null: there is none, or it can't be known. */
export async function newestEvent(selection: Selection): Promise<number | null> {
  const [event] = await latestEvents(selection, 1);
  return event ? Date.parse(event.created_at) : null;
}

const PATIENCE = 5_000; // ms

/** When the log took its first entry; null where that can't be known. */
export async function beginningOfLog(first: Cursor): Promise<number | null> {
  const wanted = new URLSearchParams({ from: "earliest", until: first, batch: "1" });
  try {
    const answer = await fetch(`/sse?${wanted}`, { signal: AbortSignal.timeout(PATIENCE) });
    for (const line of (await answer.text()).split("\n")) {
      if (!line.startsWith("data: ")) continue;
      const frame = parseJson<Frame>(line.slice(6));
      const logged = frame.kind === "events" ? frame.events[0]?.logged_at : undefined;
      if (logged !== undefined) return Date.parse(logged);
    }
  } catch {
    // then nobody is told
  }
  return null;
}
