// What the page does with the stream: follows now, replays, pauses, looks at other events.

import { batch, effect, untracked } from "@preact/signals";
import type { Cursor, Gap, LogEvent } from "../contract.ts";
import { noticeTypes } from "../state/colours.ts";
import { ahead, serviceNow } from "../state/service_time.ts";
import { isMoment } from "../state/url.ts";
import { at, clock, pace, selection } from "../state/view.ts";
import { status } from "../stats/store.ts";
import { learnBeginning, replayStart } from "./beginning.ts";
import { StreamClient } from "./client.ts";
import { Counting } from "./counting.ts";
import { isOther, seqOf } from "./cursors.ts";
import { latestEvents, placeOf } from "./lookups.ts";
import { type Pace, type Selection, wants } from "./request.ts";
import { Rows } from "./rows.ts";
import {
  awaited,
  begun,
  caughtUp,
  connection,
  heldBack,
  isReplay,
  logEnd,
  lookedBack,
  otherLog,
  paused,
  rates,
  rows,
  seen,
  speed,
  streamTime,
  usualPace,
} from "./store.ts";

const LOOK_BACK = "-60s"; // what a stream of now begins with, so that chart and tail are not empty
const MOST_LOOK_BACK = 20_000; // entries; more than these are not worth waiting for
const FEW_ROWS = 30; // fewer than these, and older events are asked for
const REDRAW = 100; // ms between redraws, at least: more often is not read
const REDRAW_FAST = 250; // the same while many events come: nobody reads those one by one
const FAST = 50; // events a second
const ROWS_FAST = 50; // what is seen without scrolling, and some
const REDRAW_CHART = 500;
const LIVE: Pace = { speed: "max", clock: "log" };

const tail = new Rows();
let counting = new Counting(serviceNow());
let lost = false; // the connection, after something had come
let first: Cursor | null = null; // the log's first entry
let redrawing = false;
let chartDrawn = 0; // when, ms; 0: not as it is now

const client = new StreamClient(location.href, {
  connection(next) {
    if (next.kind === "waiting" && begun.value) lost = true;
    if (next.kind !== "open" && !isReplay.value) caughtUp.value = false;
    connection.value = next;
  },
  hello(frame) {
    logEnd.value = frame.last === null ? 0 : seqOf(frame.last);
    first = frame.first;
    void learnBeginning(first);
    if (lost) tail.addNote("Connected again: it goes on behind the last entry that came.");
    lost = false;
    redraw();
  },
  events(frame, before) {
    count(frame.events);
    tail.addEvents(frame.events, before);
    begun.value = true;
    redraw();
    if (lookedBack.value === null) return;
    lookedBack.value += frame.events.length;
    if (lookedBack.value > MOST_LOOK_BACK) skipToNow();
  },
  gap(frame) {
    if (isOther(frame.asked, frame.resumed_at)) followOtherLog(frame);
    else tail.addGap(frame);
    redraw();
  },
  caughtUp() {
    if (isReplay.value) tail.addNote("The replay has caught up: from here on it is live.");
    batch(() => {
      at.value = null;
      pace.value = usualPace();
      caughtUp.value = true;
      begun.value = true;
    });
    counting.catchUp();
    chartDrawn = 0;
    client.pace = LIVE;
    if (lookedBack.value !== null) void showOlder();
    lookedBack.value = null;
    redraw();
  },
});

/** The log is another one: what was shown is not of it, and all that it has is not what happens now. */
function followOtherLog(frame: Gap): void {
  client.leave(); // only a new stream tells where the log ends
  seen.value = 0;
  goLive();
  otherLog.value = frame;
}

function count(events: readonly LogEvent[]): void {
  const today = serviceNow();
  for (const event of events) counting.count(event, today);
  noticeTypes(new Set(events.map((event) => event.event_type)));
}

/** Follows what happens now. */
export function goLive(): void {
  begin(null, { speed: pace.value.speed, clock: clock.value });
  lookedBack.value = 0;
  client.seek(LOOK_BACK, LIVE, selection.value);
}

function skipToNow(): void {
  lookedBack.value = null;
  counting = new Counting(serviceNow());
  client.seek("latest", LIVE);
}

/** Replays from a place: a moment in RFC 3339, by the clock that sets the pace, or a cursor. */
export function replay(from: string, how: Pace): void {
  begin(from, how);
  const start = isMoment(from) ? Date.parse(from) : null;
  counting = new Counting(serviceNow(), how, start);
  streamTime.value = start;
  if (how.clock === "log") replayStart.value = start;
  void learnBeginning(first);
  if (start === null || how.clock === "log") client.seek(from, how, selection.value);
  else void seekEvents(from, how);
}

/** Begins where the log has what happened from a moment on: the service itself knows when it took the events. */
async function seekEvents(from: string, how: Pace): Promise<void> {
  client.leave();
  const place = await placeOf(from);
  if (at.value === from && pace.value === how) client.seek(place, how, selection.value);
}

function begin(from: string | null, how: Pace): void {
  batch(() => {
    at.value = from;
    pace.value = how;
    replayStart.value = null;
    paused.value = false;
    caughtUp.value = false;
    begun.value = false;
  });
  tail.clear();
  countAnew();
  lookedBack.value = null;
  lost = false;
  redraw();
}

function countAnew(): void {
  counting = new Counting(serviceNow());
  chartDrawn = 0;
}

/** Goes on at another pace from where the replay is. */
export function changePace(how: Pace): void {
  if (how.clock !== pace.value.clock) clock.value = how.clock;
  pace.value = how;
  if (at.value === null) return;
  counting = new Counting(serviceNow(), how, counting.time(serviceNow()));
  chartDrawn = 0;
  paused.value = false;
  client.seek(client.cursor ?? at.value, how);
}

export function togglePause(): void {
  if (paused.value) {
    paused.value = false;
    if (!isReplay.value) caughtUp.value = false;
    counting.goOn(serviceNow());
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
  tail.filter((event) => wants(wanted, event));
  counting.clear();
  client.filter(wanted);
  redraw();
}

/** Keeps the rows as they are while somebody points at them. */
export function hold(held: boolean): void {
  tail.hold(held);
  redraw();
}

/** Fills the tail from the read model when little happened lately. */
async function showOlder(): Promise<void> {
  if (tail.shown.length >= FEW_ROWS) return;
  const stretch = counting;
  const events = await latestEvents(selection.value, FEW_ROWS);
  if (stretch !== counting || isReplay.value) return; // it has begun anew meanwhile
  tail.addOlder(events);
  noticeTypes(new Set(events.map((event) => event.event_type)));
  redraw();
}

function redraw(): void {
  if (redrawing) return;
  redrawing = true;
  setTimeout(() => requestAnimationFrame(show), speed.peek() > FAST ? REDRAW_FAST : REDRAW);
}

function show(): void {
  redrawing = false;
  const today = serviceNow();
  if (!paused.value) counting.advance(today);
  batch(() => {
    rows.value = speed.value > FAST && !tail.held ? tail.shown.slice(0, ROWS_FAST) : tail.shown;
    heldBack.value = tail.heldBack;
    if (today - chartDrawn >= REDRAW_CHART) {
      chartDrawn = today;
      rates.value = counting.view();
    }
    if (!isReplay.value) streamTime.value = null;
    else if (!paused.value) streamTime.value = counting.time(today);
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
  effect(() => {
    if (awaited.value !== null) counting.stand();
  });
  // what was counted by a clock that is wrong is in the wrong places
  let agreed = ahead.peek();
  effect(() => {
    if (ahead.value === agreed) return;
    agreed = ahead.value;
    if (untracked(() => isReplay.value || paused.value)) return;
    if (client.cursor === null) countAnew();
    else untracked(goLive);
  });
  // the end of the log moves on while the stream is live
  effect(() => {
    const end = status.value?.last_seq;
    if (end !== undefined && end !== null) untracked(() => (logEnd.value = Math.max(logEnd.value ?? 0, end)));
  });
}
