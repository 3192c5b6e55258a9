// How many log entries arrived, by type, in the latest buckets of a clock.

export interface RateView {
  /** Start of the newest bucket, ms; 0: nothing was counted. */
  newest: number;
  /** Length of a bucket, ms. */
  width: number;
  /** From when on everything is counted, ms; null: nothing was counted. */
  since: number | null;
  /** Entries of each type, oldest bucket first. */
  byType: Map<string, number[]>;
  totals: number[];
}

export class RateWindow {
  readonly width: number;
  readonly size: number;
  readonly #counts: Map<string, number>[];
  #since: number | null;
  #newest = Number.NEGATIVE_INFINITY;

  /** `size` buckets of `width` ms; `since`: from when on everything is counted (null: from the first entry on). */
  constructor(width: number, size: number, since: number | null = null) {
    this.width = width;
    this.size = size;
    this.#since = since;
    this.#counts = Array.from({ length: size }, () => new Map());
  }

  /** Counts an entry, unless it is older than the oldest bucket. */
  add(at: number, type: string): void {
    this.#since ??= at;
    const bucket = Math.floor(at / this.width);
    this.#moveTo(bucket);
    if (bucket <= this.#newest - this.size) return;
    const counts = this.#counts[modulo(bucket, this.size)] as Map<string, number>;
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }

  /** Moves the window to a time, whether or not anything arrived. */
  advance(time: number): void {
    this.#moveTo(Math.floor(time / this.width));
  }

  view(): RateView {
    const byType = new Map<string, number[]>();
    const totals = new Array<number>(this.size).fill(0);
    const started = Number.isFinite(this.#newest);
    for (let index = 0; started && index < this.size; index += 1) {
      const bucket = this.#newest - this.size + 1 + index;
      for (const [type, count] of this.#counts[modulo(bucket, this.size)] as Map<string, number>) {
        let row = byType.get(type);
        if (!row) {
          row = new Array<number>(this.size).fill(0);
          byType.set(type, row);
        }
        row[index] = count;
        totals[index] = (totals[index] ?? 0) + count;
      }
    }
    return { newest: started ? this.#newest * this.width : 0, width: this.width, since: this.#since, byType, totals };
  }

  #moveTo(bucket: number): void {
    if (bucket <= this.#newest) return;
    const stale = Math.min(this.size, bucket - this.#newest); // all of them at first
    for (let back = 0; back < stale; back += 1) this.#counts[modulo(bucket - back, this.size)]?.clear();
    this.#newest = bucket;
  }
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/**
 * Returns entries per second of the clock, over the `buckets` before the newest one, which is not complete. Time before
 * the counting started is left out. null: less than a bucket has been counted.
 */
export function perSecond({ newest, width, since, totals }: RateView, buckets = 5): number | null {
  if (since === null) return null;
  const counted = newest - Math.max(newest - buckets * width, since);
  if (counted < width) return null;
  const complete = totals.slice(-1 - buckets, -1);
  return complete.reduce((sum, one) => sum + one, 0) / (counted / 1000);
}
