import type { Cursor } from "../contract.ts";

/** The sequence of a cursor: entries of one log are numbered from 1. */
export function seqOf(cursor: Cursor): number {
  return Number(cursor.split(":")[1]);
}

/** The first half of a cursor: which log it is of. */
export function epochOf(cursor: Cursor): string {
  return cursor.split(":", 1)[0] ?? "";
}
