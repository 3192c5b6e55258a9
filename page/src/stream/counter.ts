// Counts the entries of a stream: per second while it is live, in the replay's own time during a replay.

import type { Clock, LogEvent } from "../api/contract.ts";
import type { Pace } from "../api/live_request.ts";
import { HOUR } from "../view/ranges.ts";
import { ReplayClock } from "./clock.ts";
import { type RateView, RateWindow } from "./rates.ts";

export const BUCKETS = 60;
const SECOND = 1000;

export class Counter {
  #live: RateWindow;
  #replay: RateWindow | null = null;
  readonly #by: Clock;
  readonly #clock: ReplayClock;

  /** Counts a live stream of which everything since `since` arrives. `now` and `since` in ms. */
  static live(now: number, since: number = now): Counter {
    return new Counter(new ReplayClock(null, null, 0), "log", since, now);
  }

  /** Counts a replay that starts at `start`, ms; null: at its first event. */
  static replay(now: number, { speed, clock }: Pace, start: number | null): Counter {
    const factor = speed === "max" ? 0 : speed;
    // by event time the service starts with the first event it finds, which may be earlier or later
    const runsSince = clock === "log" ? now : null;
    const counter = new Counter(new ReplayClock(start, runsSince, factor), clock, now, now);
    const since = clock === "log" ? start : null;
    counter.#replay = new RateWindow(widthOf(speed, start, now), BUCKETS, since);
    if (since !== null) counter.#replay.advance(since);
    return counter;
  }

  private constructor(clock: ReplayClock, by: Clock, since: number, now: number) {
    this.#clock = clock;
    this.#by = by;
    this.#live = new RateWindow(SECOND, BUCKETS, since);
    this.#live.advance(now);
  }

  count(event: LogEvent, now: number): void {
    const logged = event.logged_at === undefined ? now : Date.parse(event.logged_at);
    this.#live.add(logged, event.event_type);
    // an event can't happen after it was appended, whatever its producer's clock says
    const time = this.#by === "log" ? logged : Math.min(Date.parse(event.created_at), logged);
    this.#clock.see(time, now);
    this.#replay?.add(time, event.event_type);
  }

  /** Returns the time at which the stream is, ms; null before the first event. */
  time(now: number): number | null {
    return this.#clock.at(now);
  }

  /** Continues after a pause. */
  resume(now: number): void {
    this.#clock.resume(now);
  }

  /** Stops the clock until the next event. */
  waitForEvent(): void {
    this.#clock.waitForEvent();
  }

  /** Counts per second from now on: the replay has become live. */
  catchUp(): void {
    this.#replay = null;
  }

  /** Forgets the counts but not the time. */
  clear(now: number): void {
    this.#live = new RateWindow(SECOND, BUCKETS, now);
    if (this.#replay) this.#replay = new RateWindow(this.#replay.width, BUCKETS, this.time(now));
  }

  view(): RateView {
    return (this.#replay ?? this.#live).view();
  }

  /** Moves the windows on, whether or not anything arrived. */
  advance(now: number): void {
    this.#live.advance(now);
    const time = this.time(now);
    // the first event may be earlier than where the clock stands
    if (time !== null && !this.#clock.isWaiting) this.#replay?.advance(time);
  }
}

/** Returns the width of a bar, ms: what a second of watching covers. */
function widthOf(speed: Pace["speed"], start: number | null, now: number): number {
  if (speed !== "max") return speed * SECOND;
  const span = start === null ? HOUR : now - start;
  return Math.max(SECOND, Math.ceil(span / BUCKETS / SECOND) * SECOND);
}
