// How many log entries came, by type, in the last buckets of a clock.

export interface RateView {
  /** When the newest bucket begins. */
  newest: number;
  width: number;
  /** Of each type, oldest first, one number for each bucket. */
  byType: Map<string, number[]>;
  totals: number[];
}

export class RateWindow {
  readonly width: number;
  readonly size: number;
  readonly #counts: Map<string, number>[];
  #newest = Number.NEGATIVE_INFINITY;

  /** `size` buckets, each `width` ms wide. */
  constructor(width: number, size: number) {
    this.width = width;
    this.size = size;
    this.#counts = Array.from({ length: size }, () => new Map());
  }

  /** Counts an entry; one that is older than the oldest bucket is past. */
  add(at: number, type: string): void {
    const bucket = Math.floor(at / this.width);
    this.#moveTo(bucket);
    if (bucket <= this.#newest - this.size) return;
    const counts = this.#counts[modulo(bucket, this.size)] as Map<string, number>;
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }

  /** The clock is there now, whether anything came or not. */
  advance(now: number): void {
    this.#moveTo(Math.floor(now / this.width));
  }

  view(): RateView {
    const byType = new Map<string, number[]>();
    const totals = new Array<number>(this.size).fill(0);
    const began = Number.isFinite(this.#newest);
    for (let index = 0; began && index < this.size; index += 1) {
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
    return { newest: began ? this.#newest * this.width : 0, width: this.width, byType, totals };
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

/** Entries per second of the clock, over the newest buckets; the newest of all is not full yet and left out. */
export function perSecond(view: RateView, buckets = 5): number {
  const full = view.totals.slice(-1 - buckets, -1);
  return full.reduce((sum, one) => sum + one, 0) / ((full.length * view.width) / 1000);
}
