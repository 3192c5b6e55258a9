// What the chart of a stream counts: by the second while it is live, in its own time while it is a replay.

import type { LogEvent } from "../contract.ts";
import { StreamClock } from "./clock.ts";
import { type RateView, RateWindow } from "./rates.ts";
import type { Pace } from "./request.ts";

export const BUCKETS = 60;
const SECOND = 1000;
const HOUR = 3_600_000;
const PROMPT = 5_000; // ms

export class Counting {
  #seconds = new RateWindow(SECOND, BUCKETS);
  #past: RateWindow | null = null;
  readonly #clock: StreamClock;

  /** Of a replay where `pace` is given, which begins at `start`, ms (null: at its first event); else of now. */
  constructor(today: number, pace: Pace | null = null, start: number | null = null) {
    this.#clock = new StreamClock(start, today, pace === null || pace.speed === "max" ? 0 : pace.speed);
    if (pace === null) return;
    this.#past = new RateWindow(widthOf(pace, start, today), BUCKETS);
    if (start !== null) this.#past.advance(start);
  }

  /** Counts an event; `live`: it came now, and is not of what was there before. */
  count(event: LogEvent, live: boolean, today: number): void {
    const happened = Date.parse(event.created_at);
    const moment = this.#clock.see(happened, today);
    // a live event came when it happened, unless that is long ago or its producer's clock is wrong
    const prompt = happened <= today && today - happened < PROMPT;
    this.#seconds.add(live ? (prompt ? happened : today) : moment, event.event_type);
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
