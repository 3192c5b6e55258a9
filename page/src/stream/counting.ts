// What the chart of a stream counts: by the second while it is live, in its own time while it is a replay.

import type { Clock, LogEvent } from "../contract.ts";
import { StreamClock } from "./clock.ts";
import { type RateView, RateWindow } from "./rates.ts";
import type { Pace } from "./request.ts";

export const BUCKETS = 60;
const SECOND = 1000;
const HOUR = 3_600_000;

export class Counting {
  #seconds = new RateWindow(SECOND, BUCKETS);
  #past: RateWindow | null = null;
  readonly #by: Clock;
  readonly #clock: StreamClock;

  /** Of a replay where `pace` is given, which begins at `start`, ms (null: at its first event); else of now. */
  constructor(today: number, pace: Pace | null = null, start: number | null = null) {
    this.#by = pace?.clock ?? "log";
    this.#clock = new StreamClock(start, today, pace === null || pace.speed === "max" ? 0 : pace.speed);
    if (pace === null) return;
    this.#past = new RateWindow(widthOf(pace, start, today), BUCKETS);
    if (start !== null) this.#past.advance(start);
  }

  count(event: LogEvent, today: number): void {
    const logged = event.logged_at === undefined ? today : Date.parse(event.logged_at);
    this.#seconds.add(logged, event.event_type);
    // nothing happened after the log took it, whatever its producer's clock says
    const moment = this.#by === "log" ? logged : Math.min(Date.parse(event.created_at), logged);
    this.#clock.see(moment, today);
    this.#past?.add(moment, event.event_type);
  }

  /** Where the stream is in time. */
  time(today: number): number | null {
    return this.#clock.at(today);
  }

  /** Goes on after a pause. */
  goOn(today: number): void {
    this.#clock.goOn(today);
  }

  /** Lets no time go by until something comes. */
  stand(): void {
    this.#clock.stand();
  }

  /** The replay has become live. */
  catchUp(): void {
    this.#past = null;
  }

  /** Forgets what was counted, not where it is. */
  clear(): void {
    this.#seconds = new RateWindow(SECOND, BUCKETS);
    if (this.#past) this.#past = new RateWindow(this.#past.width, BUCKETS);
  }

  view(): RateView {
    return (this.#past ?? this.#seconds).view();
  }

  /** Lets the time go by. */
  advance(today: number): void {
    this.#seconds.advance(today);
    const time = this.time(today);
    if (time !== null) this.#past?.advance(time);
  }
}

/** Milliseconds of the past that one bar stands for: one second of watching. */
function widthOf({ speed }: Pace, start: number | null, today: number): number {
  if (speed !== "max") return speed * SECOND;
  const span = start === null ? HOUR : today - start;
  return Math.max(SECOND, Math.ceil(span / BUCKETS / SECOND) * SECOND);
}
