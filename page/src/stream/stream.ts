// The stream as the page shows it: live, or a replay; its rows, its rate, and what the user does with it.

import { batch, computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import type { Cursor, Events, Gap, Hello, Status } from "../api/contract.ts";
import { isOtherLog } from "../api/cursors.ts";
import { isSelected, type Pace, type Selection } from "../api/live_request.ts";
import type { Lookups } from "../api/lookups.ts";
import type { ServiceTime } from "../api/service_time.ts";
import { isTime } from "../view/url.ts";
import type { View } from "../view/view.ts";
import { fulfils } from "../view/where.ts";
import { Backlog } from "./backlog.ts";
import { type Connection, type OpenSocket, StreamClient } from "./client.ts";
import { Counter } from "./counter.ts";
import { headline } from "./headline.ts";
import { LogStart } from "./log_start.ts";
import { perSecond } from "./rates.ts";
import { TailDisplay } from "./tail_display.ts";

const LOOK_BACK_SECONDS = 60; // a live stream starts with these, so that chart and tail are not empty
const MOST_LOOK_BACK = 20_000; // entries; more would delay the live ones
const FEW_ROWS = 30; // below this the tail is filled with older events
const REDRAW = 100; // ms
const REDRAW_CHART = 500;
const LIVE: Pace = { speed: "max", clock: "log" };

export interface StreamOptions {
  /** Address of the page. */
  base: string;
  openSocket: OpenSocket;
  nextFrame: (draw: () => void) => void;
  lookups: Lookups;
  time: ServiceTime;
  view: View;
  status: ReadonlySignal<Status | null | undefined>;
}

export class Stream {
  readonly connection = signal<Connection>({ kind: "connecting" });
  readonly paused = signal(false);
  readonly caughtUp = signal(false);
  /** Whether anything has arrived since the last seek. */
  readonly started = signal(false);
  readonly tail;
  readonly rates;
  /** The time at which a replay is, ms; null: live, or before the first event. */
  readonly replayTime = signal<number | null>(null);
  /** The gap that tells of another log; null: the log is the same. */
  readonly otherLog = signal<Gap | null>(null);
  readonly isReplay = computed(() => this.#view.at.value !== null);
  readonly rate = computed(() => perSecond(this.rates.value));
  readonly backlog: Backlog;
  /** When the log starts, while a replay waits for that; else null. */
  readonly awaitedStart = computed(() =>
    this.isReplay.value && !this.started.value ? this.#logStart.afterReplayStart.value : null,
  );
  readonly headline = computed(() =>
    headline({
      connection: this.connection.value,
      replay: this.isReplay.value ? this.#view.pace.value.speed : null,
      paused: this.paused.value,
      caughtUp: this.caughtUp.value,
      // the entries of the look-back are not a backlog
      behind: this.#lookBack.value === null ? this.backlog.size.value : 0,
      now: this.connection.value.kind === "waiting" ? this.#time.second.value : 0,
    }),
  );

  readonly #lookBack = signal<number | null>(null); // entries of the look-back so far; null: it is over
  readonly #view: View;
  readonly #nextFrame: StreamOptions["nextFrame"];
  readonly #time: ServiceTime;
  readonly #lookups: Lookups;
  readonly #logStart: LogStart;
  readonly #client: StreamClient;
  readonly #display = new TailDisplay();
  #counter: Counter;
  #wasConnected = false; // and lost the connection after entries had arrived
  #first: Cursor | null = null; // the log's first entry
  #redrawing = false;
  #chartDrawn = 0; // ms; 0: it is out of date

  constructor({ base, openSocket, nextFrame, lookups, time, view, status }: StreamOptions) {
    this.#view = view;
    this.#nextFrame = nextFrame;
    this.#time = time;
    this.#lookups = lookups;
    this.backlog = new Backlog(status);
    this.#logStart = new LogStart(lookups);
    this.#counter = Counter.live(time.now());
    this.rates = signal(this.#counter.view());
    this.tail = this.#display.view;
    this.#client = new StreamClient(base, openSocket, {
      connection: (next) => this.#connectionChanged(next),
      hello: (frame) => this.#greeted(frame),
      events: (frame, before) => this.#received(frame, before),
      gap: (frame) => this.#gap(frame),
      caughtUp: () => this.#caughtUp(),
    });
  }

  /** Opens the stream that the view describes. */
  start(): void {
    const { at, pace } = this.#view;
    if (at.value === null) this.goLive();
    else this.replay(at.value, pace.value);
    effect(() => {
      if (this.awaitedStart.value !== null) this.#counter.waitForEvent();
    });
    // entries that were counted by a wrong clock are in the wrong buckets
    let agreed = this.#time.offset.peek();
    effect(() => {
      if (this.#time.offset.value === agreed) return;
      agreed = this.#time.offset.value;
      if (untracked(() => this.isReplay.value || this.paused.value)) return;
      if (this.#client.cursor === null) this.#restartCounter();
      else untracked(() => this.goLive());
    });
    this.backlog.start();
  }

  /** Lets the time pass: called several times a second while the page is visible. */
  tick(): void {
    if (!this.paused.value) this.#redraw();
  }

  goLive(): void {
    this.#begin(null, this.#view.nextPace());
    this.#lookBack.value = 0;
    this.#client.seek(`-${LOOK_BACK_SECONDS}s`, LIVE, this.#view.selection.value);
  }

  /** Replays from a place: a time in RFC 3339, by the clock of `pace`, or a cursor. */
  replay(from: string, pace: Pace): void {
    this.#begin(from, pace);
    const start = isTime(from) ? Date.parse(from) : null;
    this.#counter = Counter.replay(this.#time.now(), pace, start);
    this.replayTime.value = start;
    if (pace.clock === "log") this.#logStart.replayStart.value = start;
    void this.#logStart.learn(this.#first);
    if (start === null || pace.clock === "log") this.#client.seek(from, pace, this.#view.selection.value);
    else void this.#seekEventTime(from, pace);
  }

  /** Continues the replay at another pace from where it is. */
  changePace(pace: Pace): void {
    const { at, clock } = this.#view;
    if (pace.clock !== this.#view.pace.value.clock) clock.value = pace.clock;
    this.#view.pace.value = pace;
    if (at.value === null) return;
    this.#counter = Counter.replay(this.#time.now(), pace, this.#counter.time(this.#time.now()));
    this.#chartDrawn = 0;
    this.paused.value = false;
    this.#client.seek(this.#client.cursor ?? at.value, pace);
  }

  togglePause(): void {
    if (this.paused.value) {
      this.paused.value = false;
      if (!this.isReplay.value) this.caughtUp.value = false;
      this.#counter.resume(this.#time.now());
      this.#client.resume();
    } else {
      this.paused.value = true;
      this.#client.pause();
      this.#redraw();
    }
  }

  retryNow(): void {
    this.#client.retryNow();
  }

  /** Selects other events: a replay continues with them, a live stream starts again. */
  select(selection: Selection): void {
    this.#view.selection.value = selection;
    if (!this.isReplay.value && !this.paused.value) {
      this.goLive();
      return;
    }
    this.#display.tail.filter((event) => isSelected(selection, event));
    this.#counter.clear(this.#time.now());
    this.#client.filter(selection);
    this.#redraw();
  }

  /** Holds the rows while the user points at them, or releases them. */
  hold(held: boolean): void {
    this.#display.tail.hold(held);
    this.#redraw();
  }

  #connectionChanged(next: Connection): void {
    if (next.kind === "waiting" && this.started.value) this.#wasConnected = true;
    if (next.kind !== "open" && !this.isReplay.value) this.caughtUp.value = false;
    this.connection.value = next;
  }

  #greeted(frame: Hello): void {
    this.backlog.learnEnd(frame.last);
    this.#first = frame.first;
    void this.#logStart.learn(frame.first);
    if (this.#wasConnected) this.#display.tail.addNote("Reconnected. The stream continues where it stopped.");
    this.#wasConnected = false;
    this.#redraw();
  }

  #received({ events }: Events, before: Cursor | null): void {
    const now = this.#time.now();
    const { where } = this.#view.selection.value; // the service selects the rest
    const selected = events.filter((event) => fulfils(where, event));
    for (const event of selected) {
      this.#counter.count(event, now);
      this.#display.countArrival(now);
    }
    this.#display.tail.addEvents(selected, before);
    this.started.value = true;
    this.#redraw();
    if (this.#lookBack.value === null) return;
    this.#lookBack.value += events.length;
    if (this.#lookBack.value <= MOST_LOOK_BACK) return;
    this.#lookBack.value = null;
    this.#counter = Counter.live(now);
    this.#client.seek("latest", LIVE);
  }

  #gap(frame: Gap): void {
    if (isOtherLog(frame.asked, frame.resumed_at)) {
      this.#client.disconnect(); // only a new stream reports the end of the log
      this.backlog.reset();
      this.goLive();
      this.otherLog.value = frame;
    } else this.#display.tail.addGap(frame);
    this.#redraw();
  }

  #caughtUp(): void {
    if (this.isReplay.value) this.#display.tail.addNote("The replay has caught up and is now live.");
    batch(() => {
      this.#view.at.value = null;
      this.#view.pace.value = this.#view.nextPace();
      this.caughtUp.value = true;
      this.started.value = true;
    });
    this.#counter.catchUp();
    this.#chartDrawn = 0;
    this.#client.pace = LIVE;
    this.#display.tail.showAll();
    if (this.#lookBack.value !== null) void this.#addOlderEvents();
    this.#lookBack.value = null;
    this.#redraw();
  }

  /** Starts at the log entry around which the event time lies. */
  async #seekEventTime(from: string, pace: Pace): Promise<void> {
    this.#client.disconnect();
    const cursor = await this.#lookups.cursorAt(from);
    const { at, selection } = this.#view;
    if (at.value === from && this.#view.pace.value === pace) this.#client.seek(cursor, pace, selection.value);
  }

  #begin(from: string | null, pace: Pace): void {
    batch(() => {
      this.#view.at.value = from;
      this.#view.pace.value = pace;
      this.#logStart.replayStart.value = null;
      this.paused.value = false;
      this.caughtUp.value = false;
      this.started.value = false;
    });
    this.#display.clear();
    this.#restartCounter();
    this.#lookBack.value = null;
    this.#wasConnected = false;
    this.#redraw();
  }

  #restartCounter(): void {
    const now = this.#time.now();
    this.#counter = Counter.live(now, now - LOOK_BACK_SECONDS * 1_000);
    this.#chartDrawn = 0;
  }

  /** Fills the tail from the read model if little happened lately. */
  async #addOlderEvents(): Promise<void> {
    if (this.#display.tail.shown.length >= FEW_ROWS) return;
    const counter = this.#counter;
    const events = await this.#lookups.latestEvents(this.#view.selection.value, FEW_ROWS);
    if (counter !== this.#counter || this.isReplay.value) return; // the stream has started again
    this.#display.tail.addOlder(events);
    this.#redraw();
  }

  #redraw(): void {
    if (this.#redrawing) return;
    this.#redrawing = true;
    setTimeout(() => this.#nextFrame(() => this.#draw()), REDRAW);
  }

  #draw(): void {
    this.#redrawing = false;
    const now = this.#time.now();
    if (!this.paused.value) this.#counter.advance(now);
    batch(() => {
      this.#display.draw(now, this.caughtUp.value || this.isReplay.value, this.paused.value);
      if (now - this.#chartDrawn >= REDRAW_CHART) {
        this.#chartDrawn = now;
        this.rates.value = this.#counter.view();
      }
      if (!this.isReplay.value) this.replayTime.value = null;
      else if (!this.paused.value) this.replayTime.value = this.#counter.time(now);
      this.backlog.moveTo(this.#client.cursor);
    });
  }
}
