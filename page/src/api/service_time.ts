// The service's clock. The log's times come from it, and this machine's clock may be wrong.

import { signal } from "@preact/signals";

const TOLERANCE = 2_000; // ms of difference that are not corrected

export class ServiceTime {
  /** Milliseconds that the service's clock is ahead of this machine's; 0 if they agree. */
  readonly offset = signal(0);
  /** This machine's time, ms, updated once a second. */
  readonly second = signal(Date.now());

  now(): number {
    return Date.now() + this.offset.peek();
  }

  tick(): void {
    this.second.value = Date.now();
  }

  /** Corrects the offset from the `Date` header of a response to a request that was sent at `sentAt`. */
  learn(date: string | null, sentAt: number): void {
    const time = date === null ? Number.NaN : Date.parse(date);
    if (Number.isNaN(time)) return;
    // the header has whole seconds
    const least = time - Date.now();
    const most = time + 1_000 - sentAt;
    const known = this.offset.peek();
    if (known >= least - TOLERANCE && known <= most + TOLERANCE) return;
    this.offset.value = least <= 0 && most >= 0 ? 0 : (least + most) / 2;
  }
}
