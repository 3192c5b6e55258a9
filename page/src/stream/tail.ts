// The rows of the tail, newest first. New rows wait until they are shown as a batch; a batch may be a sample.

import type { Cursor, Gap, LogEvent } from "../api/contract.ts";
import { seqOf } from "../api/cursors.ts";

export const MOST_ROWS = 200;

export interface EventRow {
  kind: "event";
  key: string;
  seq: number;
  event: LogEvent;
  /** A replay from this cursor starts with this event. */
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

export class Tail {
  #all: readonly Row[] = [];
  #shown: readonly Row[] = [];
  #waiting: Row[] = []; // newest first
  #waitingEvents = 0; // also those that no longer fit
  #held = false;
  #notes = 0;
  #sampled = false;

  get shown(): readonly Row[] {
    return this.#shown;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Events that arrived while the rows are held. */
  get heldBack(): number {
    return this.#held ? this.#waitingEvents : 0;
  }

  /** Whether events between the shown rows are left out. */
  get sampled(): boolean {
    return this.#sampled;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Adds events in log order; `before` is the cursor before the first. */
  addEvents(events: readonly LogEvent[], before: Cursor | null): void {
    const fresh: EventRow[] = [];
    const first = Math.max(0, events.length - MOST_ROWS);
    for (let index = events.length - 1; index >= first; index -= 1) {
      const event = events[index] as LogEvent;
      fresh.push(eventRow(event, events[index - 1]?.cursor ?? before ?? event.cursor));
    }
    this.#add(fresh);
    this.#waitingEvents += events.length;
  }

  addGap(gap: Gap): void {
    this.#add([{ kind: "gap", key: this.#noteKey(), gap }]);
    this.#waitingEvents += 1;
  }

  addNote(text: string): void {
    this.#add([{ kind: "note", key: this.#noteKey(), text }]);
  }

  /** Adds older events, newest first, below all rows. */
  addOlder(events: readonly LogEvent[]): void {
    const oldest = this.#all.findLast((row) => row.kind === "event")?.seq ?? Number.POSITIVE_INFINITY;
    const sorted = events.filter((event) => seqOf(event.cursor) < oldest);
    sorted.sort((one, other) => seqOf(other.cursor) - seqOf(one.cursor));
    const older = sorted.map((event, index) => eventRow(event, sorted[index + 1]?.cursor ?? event.cursor));
    this.#all = [...this.#all, ...older].slice(0, MOST_ROWS);
    if (!this.#held) this.#shown = [...this.#shown, ...older].slice(0, MOST_ROWS);
  }

  /** Shows the waiting rows, at most `most` events of them, unless the rows are held. Returns how many are new. */
  show(most = Number.POSITIVE_INFINITY): number {
    if (this.#held) return 0;
    const batch = sample(this.#waiting, most);
    if (batch.length < this.#waiting.length) this.#sampled = true;
    this.#shown = [...batch, ...this.#shown].slice(0, MOST_ROWS);
    this.#forgetWaiting();
    return batch.length;
  }

  /** Shows the latest rows without leaving any out, unless the rows are held. */
  showAll(): void {
    if (this.#held) return;
    this.#shown = this.#all;
    this.#sampled = false;
    this.#forgetWaiting();
  }

  /** Removes the events that `keep` rejects, and releases the rows. */
  filter(keep: (event: LogEvent) => boolean): void {
    this.#held = false;
    this.#all = this.#all.filter((row) => row.kind !== "event" || keep(row.event));
    this.showAll();
  }

  /** Removes all rows, and releases them: held rows would stay empty. */
  clear(): void {
    this.#held = false;
    this.#all = [];
    this.showAll();
  }

  /** Holds the shown rows, so that one can be read and clicked, or releases them. */
  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    if (!held) this.showAll();
  }

  #add(fresh: Row[]): void {
    this.#all = [...fresh, ...this.#all].slice(0, MOST_ROWS);
    this.#waiting = [...fresh, ...this.#waiting].slice(0, MOST_ROWS);
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#waitingEvents = 0;
  }

  #noteKey(): string {
    this.#notes += 1;
    return `-${this.#notes}`;
  }
}

/** Returns `most` of the events, evenly spread from the newest on, and every gap and note. */
function sample(rows: readonly Row[], most: number): readonly Row[] {
  const events = rows.filter((row) => row.kind === "event").length;
  if (events <= most) return rows;
  let passed = 0;
  return rows.filter((row) => {
    if (row.kind !== "event") return true;
    const chosen = Math.floor((passed * most) / events) !== Math.floor(((passed - 1) * most) / events);
    passed += 1;
    return chosen;
  });
}

function eventRow(event: LogEvent, before: Cursor): EventRow {
  return { kind: "event", key: event.cursor, seq: seqOf(event.cursor), event, before };
}
