// When the rows of the tail are shown: in batches slow enough to be read, and as a sample while too many arrive.

import { signal } from "@preact/signals";
import { RateWindow } from "./rates.ts";
import { type Row, Tail } from "./tail.ts";

const BATCH = 1_000; // ms between batches: rows that move more often can't be read
const BATCH_ROWS = 6; // events of a batch while the stream is busy
const BUSY_SECONDS = 3; // the stream is busy if more than BATCH_ROWS events arrive per second of these on average

/** Rows to show; `fresh` of them are new in the batch with this number. */
export interface TailView {
  rows: readonly Row[];
  fresh: number;
  batch: number;
  /** Events that arrived while the rows are held. */
  heldBack: number;
  /** Whether events are left out because too many arrive. */
  sampled: boolean;
}

export class TailDisplay {
  readonly tail = new Tail();
  readonly view = signal<TailView>({ rows: [], fresh: 0, batch: 0, heldBack: 0, sampled: false });
  readonly #arrivals = new RateWindow(1_000, BUSY_SECONDS, 0);
  #shownAt = 0; // ms
  #busyUntil = 0; // ms

  /** Counts an event that arrived now. */
  countArrival(now: number): void {
    this.#arrivals.add(now, "");
  }

  /** Starts again with no rows. */
  clear(): void {
    this.tail.clear();
    this.#busyUntil = 0;
  }

  /** Shows the rows that are due. History (not `steady`) is shown at once, a paused stream without leaving any out. */
  draw(now: number, steady: boolean, paused: boolean): void {
    const { tail } = this;
    let { fresh, batch } = this.view.value;
    const busy = !paused && this.#isBusy(now, steady);
    if ((tail.sampled && !busy) || (paused && tail.isWaiting)) {
      tail.showAll();
      fresh = 0;
    } else if (tail.isWaiting && !tail.held && (!steady || now - this.#shownAt >= BATCH)) {
      const shown = tail.show(busy ? BATCH_ROWS : Number.POSITIVE_INFINITY);
      fresh = steady ? shown : 0;
      batch += 1;
      this.#shownAt = now;
    }
    this.view.value = { rows: tail.shown, fresh, batch, heldBack: tail.heldBack, sampled: tail.sampled };
  }

  #isBusy(now: number, steady: boolean): boolean {
    this.#arrivals.advance(now);
    const recent = this.#arrivals.view().totals.reduce((sum, one) => sum + one, 0);
    if (steady && recent > BUSY_SECONDS * BATCH_ROWS) this.#busyUntil = now + BATCH;
    return now < this.#busyUntil;
  }
}
