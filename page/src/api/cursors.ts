import type { Cursor } from "./contract.ts";

/** Returns the sequence of a cursor; the first entry of a log has 1. */
export function seqOf(cursor: Cursor): number {
  return Number(cursor.split(":")[1]);
}

/** Returns the epoch of a cursor, which identifies the log. */
export function epochOf(cursor: Cursor): string {
  return cursor.split(":", 1)[0] ?? "";
}

/** Whether `now` belongs to another log than `before`, or to an older copy of it. */
export function isOtherLog(before: Cursor, now: Cursor): boolean {
  return epochOf(before) !== epochOf(now) || seqOf(now) < seqOf(before);
}
