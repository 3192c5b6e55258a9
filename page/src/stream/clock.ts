// Where a replay is in time: the latest moment that came, and on from there by itself at the replay's speed.

const LONGEST_WAIT = 10_000; // ms: the service lets nobody wait longer between two events

export class StreamClock {
  #latest: number | null;
  #heard: number | null; // when the last event came, in real time; null: the clock waits for the first
  #shown = Number.NEGATIVE_INFINITY;
  readonly #speed: number;

  /** Begins at `start`, ms; null: at the first event. `speed` 0: stands still between events. */
  constructor(start: number | null, today: number, speed: number) {
    this.#latest = start;
    this.#heard = today;
    this.#speed = speed;
  }

  /** Sees an event of the moment `at`; `today` is the real time. Late ones don't turn it back. */
  see(at: number, today: number): void {
    this.#heard = today;
    if (this.#latest === null || at > this.#latest) this.#latest = at;
  }

  /** Goes on after a pause. */
  goOn(today: number): void {
    if (this.#heard !== null) this.#heard = today;
  }

  /** Stands still until an event comes: there is none for long. */
  stand(): void {
    this.#heard = null;
    this.#shown = Number.NEGATIVE_INFINITY;
  }

  /** What the clock shows; null: nothing yet. Never goes back. */
  at(today: number): number | null {
    if (this.#latest === null) return null;
    const waited = this.#heard === null ? 0 : Math.min(today - this.#heard, LONGEST_WAIT);
    this.#shown = Math.max(this.#shown, Math.min(this.#latest + waited * this.#speed, today));
    return this.#shown;
  }
}
