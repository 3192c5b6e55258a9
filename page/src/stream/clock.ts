// Where a replay is in time. Frames carry when events happened: the clock is the latest of these, and goes on by itself
// at the replay's speed until the next one.

const AHEAD = 2_000; // ms that a producer's clock may be ahead of this one
const LONGEST_WAIT = 10_000; // ms: the service lets nobody wait longer between two events

export class StreamClock {
  #latest: number | null;
  #heard: number; // when the last event came, in real time
  #shown = Number.NEGATIVE_INFINITY;
  readonly #speed: number;

  /** Begins at `start`, ms; null: at the first event. `speed` 0: stands still between events. */
  constructor(start: number | null, today: number, speed: number) {
    this.#latest = start;
    this.#heard = today;
    this.#speed = speed;
  }

  /** Sees an event of the moment `at`; `today` is the real time. Returns the latest moment seen. */
  see(at: number, today: number): number {
    this.#heard = today;
    // late ones don't turn it back; one that claims to be of the future would stop it
    if (at <= today + AHEAD && (this.#latest === null || at > this.#latest)) this.#latest = at;
    return this.#latest ?? today;
  }

  /** Goes on after a pause. */
  goOn(today: number): void {
    this.#heard = today;
  }

  /** What the clock shows; null: nothing yet. Never goes back. */
  at(today: number): number | null {
    if (this.#latest === null) return null;
    const waited = Math.min(today - this.#heard, LONGEST_WAIT);
    this.#shown = Math.max(this.#shown, Math.min(this.#latest + waited * this.#speed, today));
    return this.#shown;
  }
}
