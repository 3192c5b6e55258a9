// The view as the search part of a link: range, filter, and replay.

import type { Clock } from "../api/contract.ts";
import type { Pace, Selection, Speed } from "../api/live_request.ts";
import { patternError, userError } from "./patterns.ts";
import { customRange, presetById, type Range } from "./ranges.ts";
import { isCondition } from "./where.ts";

export const DEFAULT_SPEED: Speed = 10;
export const SPEEDS: readonly Speed[] = [1, 10, 60, 600, "max"];

export interface ViewState {
  /** null: the page chooses one. */
  range: Range | null;
  selection: Selection;
  /** The chosen breakdown; null: the page chooses one. */
  breakdown: string | null;
  /** Where the replay starts, RFC 3339 or a cursor; null: live. */
  at: string | null;
  pace: Pace;
}

export function readView(search: string): ViewState {
  const query = new URLSearchParams(search);
  const user = query.get("user");
  return {
    range: readRange(query.get("from"), query.get("to")) ?? presetById(query.get("range")),
    selection: {
      types: [...new Set(query.getAll("type"))].filter((type) => type && !patternError(type)),
      user: user && !userError(user) ? user : null,
      where: [...new Set(query.getAll("where"))].filter(isCondition),
    },
    breakdown: query.get("by"),
    at: readPlace(query.get("at")),
    pace: { speed: readSpeed(query.get("speed")), clock: readClock(query.get("clock")) },
  };
}

/** Returns the search part of a link; defaults are left out. */
export function writeView({ range, selection, breakdown, at, pace }: ViewState): string {
  const query = new URLSearchParams();
  if (range?.limits) {
    query.set("from", new Date(range.limits.from).toISOString());
    query.set("to", new Date(range.limits.to).toISOString());
  } else if (range) query.set("range", range.id);
  for (const type of selection.types) query.append("type", type);
  if (selection.user !== null) query.set("user", selection.user);
  for (const condition of selection.where) query.append("where", condition);
  if (breakdown !== null) query.set("by", breakdown);
  if (at !== null) {
    query.set("at", at);
    if (pace.speed !== DEFAULT_SPEED) query.set("speed", String(pace.speed));
    if (pace.clock !== "log") query.set("clock", pace.clock);
  }
  // colons and slashes are legal in a query, and make times and paths readable
  const text = query.toString().replaceAll("%3A", ":").replaceAll("%2F", "/");
  return text && `?${text}`;
}

function readRange(from: string | null, to: string | null): Range | null {
  if (from === null || to === null || !isTime(from) || !isTime(to)) return null;
  return Date.parse(from) < Date.parse(to) ? customRange(Date.parse(from), Date.parse(to)) : null;
}

function readPlace(text: string | null): string | null {
  if (text === null) return null;
  return isTime(text) || /^[^:\s]+:\d+:[0-9a-f]*$/.test(text) ? text : null;
}

/** Whether a place is a time, not a cursor. */
export function isTime(place: string): boolean {
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
