// The service's time. This machine's clock may be wrong, and the log's moments are not its own.

import { signal } from "@preact/signals";

const EXACTLY = 2_000; // ms that the clocks may differ

/** Milliseconds that the service's clock is ahead of this one; 0 where they agree. */
export const ahead = signal(0);

export function serviceNow(): number {
  return Date.now() + ahead.peek();
}

/** Learns from the second in which an answer was given that was asked for at `began`. */
export function learnTime(date: string | null, began: number): void {
  const told = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(told)) return;
  const least = told - Date.now();
  const most = told + 1_000 - began;
  const known = ahead.peek();
  if (known >= least - EXACTLY && known <= most + EXACTLY) return;
  ahead.value = least <= 0 && most >= 0 ? 0 : (least + most) / 2;
}
