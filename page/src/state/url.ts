// What a link to the page says: range, filter, and the moment that is replayed.

import type { Clock } from "../contract.ts";
import { faultOfPattern, faultOfUser } from "../patterns.ts";
import { DEFAULT_RANGE, type Range, rangeById } from "../stats/ranges.ts";
import type { Pace, Selection, Speed } from "../stream/request.ts";

export const DEFAULT_SPEED: Speed = 10;
export const SPEEDS: readonly Speed[] = [1, 10, 60, 600, "max"];

export interface View {
  range: Range;
  selection: Selection;
  /** Where a replay begins, RFC 3339 or a cursor; null: now. */
  at: string | null;
  pace: Pace;
}

export function readView(search: string): View {
  const given = new URLSearchParams(search);
  const user = given.get("user");
  return {
    range: rangeById(given.get("range")),
    selection: {
      types: [...new Set(given.getAll("type"))].filter((type) => type && !faultOfPattern(type)),
      user: user !== null && !faultOfUser(user) ? user : null,
    },
    at: readPlace(given.get("at")),
    pace: { speed: readSpeed(given.get("speed")), clock: readClock(given.get("clock")) },
  };
}

/** The search part of a link, "" where all is as usual. */
export function writeView({ range, selection, at, pace }: View): string {
  const link = new URLSearchParams();
  if (range !== DEFAULT_RANGE) link.set("range", range.id);
  for (const type of selection.types) link.append("type", type);
  if (selection.user !== null) link.set("user", selection.user);
  if (at !== null) {
    link.set("at", at);
    if (pace.speed !== DEFAULT_SPEED) link.set("speed", String(pace.speed));
    if (pace.clock !== "log") link.set("clock", pace.clock);
  }
  // colons are legal there, and times are easier to read with them
  const text = link.toString().replaceAll("%3A", ":");
  return text && `?${text}`;
}

function readPlace(text: string | null): string | null {
  if (text === null) return null;
  return isMoment(text) || /^[^:\s]+:\d+:[0-9a-f]*$/.test(text) ? text : null;
}

/** Whether a place is a moment, and not a cursor. */
export function isMoment(place: string): boolean {
  return /^\d{4}-\d\d-\d\dT/.test(place) && !Number.isNaN(Date.parse(place));
}

function readSpeed(text: string | null): Speed {
  if (text === "max") return text;
  const speed = Number(text);
  return speed >= 0.1 && speed <= 100_000 ? speed : DEFAULT_SPEED;
}

function readClock(text: string | null): Clock {
  return text === "event" ? text : "log";
}
