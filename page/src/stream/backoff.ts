const FIRST = 300; // ms
const LONGEST = 10_000;

/** Returns the delay before the n-th retry in a row (from 1), ms, with jitter: many pages lose a service at once. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  return Math.min(LONGEST, FIRST * 2 ** Math.min(attempt - 1, 6)) * (0.5 + random() / 2);
}
