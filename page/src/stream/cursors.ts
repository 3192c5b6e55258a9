import type { Cursor } from "../contract.ts";

/** The sequence of a cursor: entries of one log are numbered from 1. */
export function seqOf(cursor: Cursor): number {
  return Number(cursor.split(":")[1]);
}

/** The first half of a cursor: which log it is of. */
export function epochOf(cursor: Cursor): string {
  return cursor.split(":", 1)[0] ?? "";
}

/** Whether the log is another one at `now` than it was at `before`, or has been put back. */
export function isOther(before: Cursor, now: Cursor): boolean {
  return epochOf(before) !== epochOf(now) || seqOf(now) < seqOf(before);
}
