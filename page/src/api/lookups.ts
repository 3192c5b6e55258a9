// Single requests that support the stream. Each has a fallback for when the read model does not answer.

import { fulfils } from "../view/where.ts";
import type { Cursor, EventList, Frame, LogEvent } from "./contract.ts";
import { seqOf } from "./cursors.ts";
import type { Get } from "./http.ts";
import { parseJson } from "./json.ts";
import type { Selection } from "./live_request.ts";

const EVENTS_BEFORE = 3; // their lowest sequence marks the place: a single event may be a late one
const LOG_START_TIMEOUT = 5_000; // ms

export class Lookups {
  readonly #get: Get;
  readonly #fetch: typeof fetch;

  constructor(get: Get, fetch: typeof globalThis.fetch) {
    this.#get = get;
    this.#fetch = fetch;
  }

  /** Returns the cursor at which a replay from `time` (event time, RFC 3339) starts; `time` itself if unknown. */
  async cursorAt(time: string): Promise<Cursor | string> {
    try {
      const { events } = await this.#get<EventList>(`/events?limit=${EVENTS_BEFORE}&to=${encodeURIComponent(time)}`);
      const [first] = events.toSorted((one, other) => seqOf(one.cursor) - seqOf(other.cursor));
      return first?.cursor ?? "earliest";
    } catch {
      return time;
    }
  }

  /** Returns the latest events of a selection, newest first; none if unknown. */
  async latestEvents(selection: Selection, limit: number): Promise<LogEvent[]> {
    const { types, user, where } = selection;
    const query = new URLSearchParams({ limit: String(limit) });
    for (const type of types) query.append("event_type", type);
    if (user !== null) query.set("user_id", user);
    try {
      return (await this.#get<EventList>(`/events?${query}`)).events.filter((event) => fulfils(where, event));
    } catch {
      return [];
    }
  }

  /** Returns the event time of a selection's newest event, ms; null if there is none or it is unknown. */
  async newestTime(selection: Selection): Promise<number | null> {
    const [event] = await this.latestEvents(selection, 1);
    return event ? Date.parse(event.created_at) : null;
  }

  /** Returns when the log's first entry was appended, ms; null if unknown. */
  async logStart(first: Cursor): Promise<number | null> {
    const query = new URLSearchParams({ from: "earliest", until: first, batch: "1" });
    try {
      const response = await this.#fetch(`/sse?${query}`, { signal: AbortSignal.timeout(LOG_START_TIMEOUT) });
      for (const line of (await response.text()).split("\n")) {
        if (!line.startsWith("data: ")) continue;
        const frame = parseJson<Frame>(line.slice(6));
        const loggedAt = frame.kind === "events" ? frame.events[0]?.logged_at : undefined;
        if (loggedAt !== undefined) return Date.parse(loggedAt);
      }
    } catch {
      // the page then shows no start
    }
    return null;
  }
}
