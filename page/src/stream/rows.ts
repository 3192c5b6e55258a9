// The rows of the tail, newest first, never more than it can show.

import type { Cursor, Gap, LogEvent } from "../contract.ts";
import { seqOf } from "./cursors.ts";

export const MOST_ROWS = 200;

export interface EventRow {
  kind: "event";
  key: string;
  seq: number;
  event: LogEvent;
  /** Behind which cursor a replay begins that shows this one first. */
  before: Cursor;
}

export interface GapRow {
  kind: "gap";
  key: string;
  gap: Gap;
}

export interface NoteRow {
  kind: "note";
  key: string;
  text: string;
}

export type Row = EventRow | GapRow | NoteRow;

export class Rows {
  #rows: Row[] = [];
  #shown: readonly Row[] = [];
  #held = false;
  #heldBack = 0;
  #made = 0;

  /** What is to be shown. */
  get shown(): readonly Row[] {
    return this.#held ? this.#shown : this.#rows;
  }

  get held(): boolean {
    return this.#held;
  }

  /** How many came since the rows are held. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** Adds events in the log's order; `before` is the position before the first. */
  addEvents(events: readonly LogEvent[], before: Cursor | null): void {
    const fresh: EventRow[] = [];
    const first = Math.max(0, events.length - MOST_ROWS);
    for (let index = events.length - 1; index >= first; index -= 1) {
      const event = events[index] as LogEvent;
      fresh.push(row(event, events[index - 1]?.cursor ?? before ?? event.cursor));
    }
    this.#put(fresh, events.length);
  }

  addGap(gap: Gap): void {
    this.#put([{ kind: "gap", key: this.#key(), gap }], 1);
  }

  addNote(text: string): void {
    this.#put([{ kind: "note", key: this.#key(), text }], 0);
  }

  /** Adds older events, newest first, below what there is. */
  addOlder(events: readonly LogEvent[]): void {
    const oldest = this.#rows.findLast((one) => one.kind === "event")?.seq ?? Number.POSITIVE_INFINITY;
    const sorted = events.filter((event) => seqOf(event.cursor) < oldest);
    sorted.sort((one, other) => seqOf(other.cursor) - seqOf(one.cursor));
    const older = sorted.map((event, index) => row(event, sorted[index + 1]?.cursor ?? event.cursor));
    this.#rows = [...this.#rows, ...older].slice(0, MOST_ROWS);
  }

  /** Keeps only the events that `keep` wants. */
  filter(keep: (event: LogEvent) => boolean): void {
    this.#rows = this.#rows.filter((one) => one.kind !== "event" || keep(one.event));
    this.#shown = this.#rows;
    this.#heldBack = 0;
  }

  clear(): void {
    this.#rows = [];
    this.#shown = [];
    this.#heldBack = 0;
  }

  /** Shows what there is now, whatever comes, so that it can be read and clicked on; or goes on. */
  hold(held: boolean): void {
    if (held && !this.#held) this.#shown = this.#rows;
    this.#held = held;
    this.#heldBack = 0;
  }

  #put(fresh: Row[], count: number): void {
    this.#rows = [...fresh, ...this.#rows].slice(0, MOST_ROWS);
    if (this.#held) this.#heldBack += count;
  }

  #key(): string {
    this.#made += 1;
    return `-${this.#made}`;
  }
}

function row(event: LogEvent, before: Cursor): EventRow {
  return { kind: "event", key: event.cursor, seq: seqOf(event.cursor), event, before };
}
