// The time at which a replay is: that of the latest event, and onwards from there at the replay's speed.

const LONGEST_WAIT = 10_000; // ms: the service shortens longer waits between two events

export class ReplayClock {
  #time: number | null;
  #reached: number | null; // real time at which #time was reached; null: the next event sets the clock
  #shown = Number.NEGATIVE_INFINITY;
  readonly #speed: number;

  /**
   * Starts at `start`, ms (null: at the first event). `runsSince` is the real time from which it runs; null: from the
   * first event on. With `speed` 0 it stands still between events.
   */
  constructor(start: number | null, runsSince: number | null, speed: number) {
    this.#time = start;
    this.#reached = start === null ? null : runsSince;
    this.#speed = speed;
  }

  /** Advances to an event at `time` that arrived at the real time `now`. Late events leave the clock as it is. */
  see(time: number, now: number): void {
    const first = this.isWaiting;
    if (!first && this.#time !== null && time <= this.#time) return;
    if (first) this.#shown = Number.NEGATIVE_INFINITY; // the service counts from its first event, not from the start
    this.#time = time;
    this.#reached = now;
  }

  /** Whether the next event sets the clock. */
  get isWaiting(): boolean {
    return this.#reached === null;
  }

  /** Continues after a pause. */
  resume(now: number): void {
    if (this.#reached !== null) this.#reached = now;
  }

  /** Stands still until the next event, which sets the clock. */
  waitForEvent(): void {
    this.#reached = null;
    this.#shown = Number.NEGATIVE_INFINITY;
  }

  /** Returns the time at the real time `now`, ms; null before the first event. It never goes back. */
  at(now: number): number | null {
    if (this.#time === null) return null;
    const waited = this.#reached === null ? 0 : Math.min(now - this.#reached, LONGEST_WAIT);
    this.#shown = Math.max(this.#shown, Math.min(this.#time + waited * this.#speed, now));
    return this.#shown;
  }
}
