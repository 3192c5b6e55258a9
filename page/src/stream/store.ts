// The stream as the page shows it: where it is, what came, how fast.

import { batch, computed, effect, signal, untracked } from "@preact/signals";
import type { EventList, LogEvent } from "../contract.ts";
import { plain } from "../json.ts";
import { matches } from "../patterns.ts";
import { noticeTypes } from "../state/colours.ts";
import { now } from "../state/now.ts";
import { isMoment } from "../state/url.ts";
import { at, pace, selection } from "../state/view.ts";
import { ask } from "../stats/asking.ts";
import { status } from "../stats/store.ts";
import { type Connection, StreamClient } from "./client.ts";
import { StreamClock } from "./clock.ts";
import { seqOf } from "./cursors.ts";
import { headline } from "./headline.ts";
import { perSecond, type RateView, RateWindow } from "./rates.ts";
import type { Pace, Selection } from "./request.ts";
import { type Row, Rows } from "./rows.ts";

const BUCKETS = 60;
const LOOK_BACK = "-60s"; // what a stream of now begins with, so that chart and tail are not empty
const MOST_LOOK_BACK = 20_000; // entries; more than these are not worth waiting for
const FEW_ROWS = 30; // fewer than these, and older events are asked for
const REDRAW = 100; // ms between redraws, at least: more often is not read
const REDRAW_FAST = 250; // the same while many events come: nobody reads those one by one
const FAST = 50; // events a second
const ROWS_FAST = 50; // what is seen without scrolling, and some
const REDRAW_CHART = 500;
const PROMPT = 5_000; // ms
const ENOUGH = 3; // events before a moment, by which its place is found: one alone may have come late
const LIVE: Pace = { speed: "max", clock: "log" };

const connection = signal<Connection>({ kind: "connecting" });
export const paused = signal(false);
const caughtUp = signal(false);
/** Whether anything came since the stream began where it began. */
export const begun = signal(false);
const seen = signal(0); // sequence of the last entry that came
const logEnd = signal<number | null>(null);

export const rows = signal<readonly Row[]>([]);
export const heldBack = signal(0);
export const rates = signal<RateView>(new RateWindow(1000, BUCKETS).view());
/** Where the stream is in time, ms; null: nowhere yet. */
export const streamTime = signal<number | null>(null);

export const isReplay = computed(() => at.value !== null);
export const speed = computed(() => perSecond(rates.value));
export const behind = computed(() =>
  Math.max(0, Math.max(logEnd.value ?? 0, status.value?.last_seq ?? 0) - seen.value),
);
/** Whether the log has no entry at all; null: not known yet. */
export const logIsEmpty = computed(() => (logEnd.value === null ? null : Math.max(logEnd.value, seen.value) === 0));
export const isRefused = computed(() => connection.value.kind === "refused");
export const mayRetry = computed(() => connection.value.kind === "waiting");
export const situation = computed(() =>
  headline({
    connection: connection.value,
    replay: isReplay.value ? pace.value.speed : null,
    paused: paused.value,
    caughtUp: caughtUp.value,
    behind: behind.value,
    now: connection.value.kind === "waiting" ? now.value : 0,
  }),
);

const tail = new Rows();
let clock = new StreamClock(null, Date.now(), 0);
let seconds = new RateWindow(1000, BUCKETS);
let past: RateWindow | null = null; // of a replay, in its own time
let lookedBack: number | null = null; // entries, while a stream of now begins; null: it has begun
let lostAt: number | null = null;
let redrawing = false;
let drawn = 0; // when the chart was, and whether of a replay
let drawnPast: RateWindow | null = null;

const client = new StreamClient(location.href, {
  connection(next) {
    if (next.kind === "waiting" && begun.value) lostAt ??= Date.now();
    if (next.kind !== "open" && !isReplay.value) caughtUp.value = false;
    connection.value = next;
  },
  hello(frame) {
    logEnd.value = frame.last === null ? 0 : seqOf(frame.last);
    if (lostAt !== null) tail.addNote("Connected again: it goes on behind the last entry that came.");
    lostAt = null;
    redraw();
  },
  events(frame, before) {
    count(frame.events);
    tail.addEvents(frame.events, before);
    begun.value = true;
    redraw();
    if (lookedBack === null) return;
    lookedBack += frame.events.length;
    if (lookedBack > MOST_LOOK_BACK) skipToNow();
  },
  gap(frame) {
    tail.addGap(frame);
    redraw();
  },
  caughtUp() {
    if (isReplay.value) tail.addNote("The replay has caught up: from here on it is live.");
    batch(() => {
      at.value = null;
      caughtUp.value = true;
      begun.value = true;
    });
    past = null;
    client.pace = LIVE;
    if (lookedBack !== null) void showOlder();
    lookedBack = null;
    redraw();
  },
});

function count(events: readonly LogEvent[]): void {
  const today = Date.now();
  const live = caughtUp.value;
  const types = new Set<string>();
  for (const event of events) {
    const moment = clock.see(Date.parse(event.created_at), today);
    seconds.add(live ? arrival(event, today) : moment, event.event_type);
    past?.add(moment, event.event_type);
    types.add(event.event_type);
  }
  noticeTypes(types);
}

/** When a live event came: when it happened, unless that is long ago, or its producer's clock is wrong. */
function arrival(event: LogEvent, today: number): number {
  const happened = Date.parse(event.created_at);
  return happened <= today && today - happened < PROMPT ? happened : today;
}

/** Follows what happens now. */
export function goLive(): void {
  begin(null, LIVE);
  lookedBack = 0;
  client.seek(LOOK_BACK, LIVE, selection.value);
}

function skipToNow(): void {
  lookedBack = null;
  seconds = new RateWindow(1000, BUCKETS);
  client.seek("latest", LIVE);
}

/** Replays from a place: a moment in RFC 3339, by the clock that sets the pace, or a cursor. */
export function replay(from: string, how: Pace): void {
  begin(from, how);
  const start = isMoment(from) ? Date.parse(from) : null;
  past = new RateWindow(widthOf(how, start), BUCKETS);
  if (start !== null) past.advance(start);
  clock = new StreamClock(start, Date.now(), factorOf(how));
  streamTime.value = start;
  if (start === null || how.clock === "log") client.seek(from, how, selection.value);
  else void seekEvents(from, how);
}

/** Begins where the log has what happened from a moment on: the service itself knows when it took the events. */
async function seekEvents(from: string, how: Pace): Promise<void> {
  client.leave();
  let place = "earliest";
  try {
    const { events } = await ask<EventList>(`/events?limit=${ENOUGH}&to=${encodeURIComponent(from)}`);
    const [first] = events.toSorted((one, other) => seqOf(one.cursor) - seqOf(other.cursor));
    if (first) place = first.cursor;
  } catch {
    place = from; // as near as it gets without the read model
  }
  if (at.value === from && pace.value === how) client.seek(place, how, selection.value);
}

function begin(from: string | null, how: Pace): void {
  batch(() => {
    at.value = from;
    if (from !== null) pace.value = how;
    paused.value = false;
    caughtUp.value = false;
    begun.value = false;
  });
  tail.clear();
  clock = new StreamClock(null, Date.now(), 0);
  seconds = new RateWindow(1000, BUCKETS);
  past = null;
  lookedBack = null;
  lostAt = null;
  redraw();
}

/** Milliseconds of the past that one bar of a replay's chart stands for: one second of watching. */
function widthOf(how: Pace, start: number | null): number {
  if (how.speed !== "max") return how.speed * 1000;
  const span = start === null ? 3_600_000 : Date.now() - start;
  return Math.max(1000, Math.ceil(span / BUCKETS / 1000) * 1000);
}

function factorOf({ speed }: Pace): number {
  return speed === "max" ? 0 : speed;
}

/** Goes on at another pace from where the replay is. */
export function changePace(how: Pace): void {
  pace.value = how;
  if (at.value === null) return;
  const here = clock.at(Date.now());
  past = new RateWindow(widthOf(how, here), BUCKETS);
  if (here !== null) past.advance(here);
  clock = new StreamClock(here, Date.now(), factorOf(how));
  paused.value = false;
  client.seek(client.cursor ?? at.value, how);
}

export function togglePause(): void {
  if (paused.value) {
    paused.value = false;
    if (!isReplay.value) caughtUp.value = false;
    clock.goOn(Date.now());
    client.resume();
  } else {
    paused.value = true;
    client.pause();
  }
}

export function retryNow(): void {
  client.retryNow();
}

/** Shows other events: of a replay from where it is, of now anew. */
export function select(wanted: Selection): void {
  selection.value = wanted;
  if (!isReplay.value && !paused.value) {
    goLive();
    return;
  }
  tail.filter(isWanted);
  if (past) past = new RateWindow(past.width, BUCKETS);
  seconds = new RateWindow(1000, BUCKETS);
  client.filter(wanted);
  redraw();
}

function isWanted(event: LogEvent): boolean {
  const { types, user } = selection.value;
  return matches(types, event.event_type) && (user === null || user === plain(event.user_id));
}

/** Keeps the rows as they are while somebody points at them. */
export function hold(held: boolean): void {
  tail.hold(held);
  redraw();
}

/** Fills the tail from the read model when little happened lately. */
async function showOlder(): Promise<void> {
  if (tail.shown.length >= FEW_ROWS) return;
  const wanted = new URLSearchParams({ limit: String(FEW_ROWS) });
  for (const type of selection.value.types) wanted.append("event_type", type);
  if (selection.value.user !== null) wanted.set("user_id", selection.value.user);
  const asked = selection.value;
  try {
    const { events } = await ask<EventList>(`/events?${wanted}`);
    if (asked !== selection.value || isReplay.value) return;
    tail.addOlder(events);
    noticeTypes(new Set(events.map((event) => event.event_type)));
    redraw();
  } catch {
    // the tail then begins with what comes next
  }
}

function redraw(): void {
  if (redrawing) return;
  redrawing = true;
  setTimeout(() => requestAnimationFrame(show), speed.peek() > FAST ? REDRAW_FAST : REDRAW);
}

function show(): void {
  redrawing = false;
  const today = Date.now();
  const time = isReplay.value && !paused.value ? clock.at(today) : streamTime.value;
  if (!paused.value && past === null) seconds.advance(today);
  else if (!paused.value && time !== null) past?.advance(time);
  batch(() => {
    rows.value = speed.value > FAST && !tail.held ? tail.shown.slice(0, ROWS_FAST) : tail.shown;
    heldBack.value = tail.heldBack;
    if (today - drawn >= REDRAW_CHART || past !== drawnPast) {
      drawn = today;
      drawnPast = past;
      rates.value = (past ?? seconds).view();
    }
    streamTime.value = isReplay.value ? time : null;
    seen.value = client.cursor ? seqOf(client.cursor) : seen.value;
  });
}

/** Opens the stream that the page's address asks for. */
export function startStream(): void {
  const wanted = at.value;
  if (wanted === null) goLive();
  else replay(wanted, pace.value);
  setInterval(() => {
    if (!document.hidden && !paused.value) redraw();
  }, 250);
  addEventListener("online", retryNow);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) retryNow();
  });
  // the end of the log moves on while the stream is live
  effect(() => {
    const end = status.value?.last_seq;
    if (end !== undefined && end !== null) untracked(() => (logEnd.value = Math.max(logEnd.value ?? 0, end)));
  });
}
