import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogEvent } from "../src/contract.ts";
import { backoff } from "../src/stream/backoff.ts";
import { StreamClock } from "../src/stream/clock.ts";
import { Counting } from "../src/stream/counting.ts";
import { headline, type Situation } from "../src/stream/headline.ts";
import { perSecond, RateWindow } from "../src/stream/rates.ts";
import { filterMessage, seekMessage, streamAddress } from "../src/stream/request.ts";
import { MOST_ROWS, Rows } from "../src/stream/rows.ts";

const NOW = Date.UTC(2026, 10, 24, 12);

function events(from: number, to: number): LogEvent[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({
    cursor: `e:${from + index}:00`,
    logged_at: new Date(NOW).toISOString(),
    event_id: `${from + index}`,
    event_type: "click",
    user_id: 1,
    created_at: new Date(NOW).toISOString(),
    event_data: {},
  }));
}

const seqs = (rows: Rows): number[] => rows.shown.flatMap((row) => (row.kind === "event" ? [row.seq] : []));

test("pauses between tries grow to ten seconds and are never the same for all", () => {
  assert.deepEqual(
    [1, 2, 3, 7, 50].map((attempt) => backoff(attempt, () => 1)),
    [300, 600, 1200, 10_000, 10_000],
  );
  assert.equal(
    backoff(1, () => 0),
    150,
  );
});

test("a window counts by type and forgets what is past", () => {
  const window = new RateWindow(1000, 3);
  window.add(NOW, "a");
  window.add(NOW + 999, "a");
  window.add(NOW + 1000, "b");
  assert.deepEqual(window.view().totals, [0, 2, 1]);
  window.advance(NOW + 3000);
  assert.deepEqual(window.view().totals, [1, 0, 0]);
  window.add(NOW, "a"); // too late
  window.add(NOW + 2500, "a");
  assert.deepEqual(window.view().totals, [1, 1, 0]);
  assert.deepEqual(window.view().byType.get("b"), [1, 0, 0]);
  window.advance(NOW + 60_000);
  assert.deepEqual(window.view().totals, [0, 0, 0]);
});

test("the rate leaves out the second that isn't over", () => {
  const window = new RateWindow(10_000, 6);
  for (let second = 0; second < 55; second += 1) window.add(NOW + second * 1000, "a");
  assert.equal(perSecond(window.view()), 1);
});

test("a replay's clock goes on between events, and back never", () => {
  const clock = new StreamClock(NOW - 60_000, NOW, 10);
  assert.equal(clock.at(NOW), NOW - 60_000);
  assert.equal(clock.at(NOW + 1000), NOW - 50_000);
  clock.see(NOW - 52_000, NOW + 1000); // a little behind where it was thought to be
  assert.equal(clock.at(NOW + 1000), NOW - 50_000);
  clock.see(NOW - 20_000, NOW + 1500);
  clock.see(NOW - 40_000, NOW + 1500); // late
  assert.equal(clock.at(NOW + 1500), NOW - 20_000);
  assert.equal(clock.at(NOW + 60_000), NOW + 60_000); // not beyond the real time
});

test("a replay's clock stands where nothing comes for long, until something does", () => {
  const clock = new StreamClock(NOW - 3_600_000, NOW, 10);
  clock.at(NOW + 100);
  clock.stand();
  assert.equal(clock.at(NOW + 9_000), NOW - 3_600_000);
  clock.see(NOW - 60_000, NOW + 10_000);
  assert.equal(clock.at(NOW + 11_000), NOW - 50_000);
});

test("a replay's clock waits as long as the service lets anybody wait", () => {
  const clock = new StreamClock(NOW - 3_600_000, NOW, 10);
  assert.equal(clock.at(NOW + 60_000), NOW - 3_500_000);
});

test("the tail is the newest first and bounded", () => {
  const rows = new Rows();
  rows.addEvents(events(1, 3), "e:0:");
  rows.addEvents(events(4, 300), "e:3:00");
  assert.equal(rows.shown.length, MOST_ROWS);
  assert.deepEqual(seqs(rows).slice(0, 2), [300, 299]);
});

test("a replay from a row begins with that row", () => {
  const rows = new Rows();
  rows.addEvents(events(5, 6), "e:2:00");
  assert.deepEqual(
    rows.shown.map((row) => row.kind === "event" && row.before),
    ["e:5:00", "e:2:00"],
  );
});

test("rows that are held stay, and what came is there when they are let go", () => {
  const rows = new Rows();
  rows.addEvents(events(1, 2), null);
  rows.hold(true);
  rows.addEvents(events(3, 5), "e:2:00");
  assert.deepEqual([seqs(rows), rows.heldBack], [[2, 1], 3]);
  rows.hold(false);
  assert.deepEqual([seqs(rows), rows.heldBack], [[5, 4, 3, 2, 1], 0]);
});

test("older events go below, and none is there twice", () => {
  const rows = new Rows();
  rows.addEvents(events(4, 5), null);
  rows.addOlder([...events(3, 4), ...events(1, 1)]);
  assert.deepEqual(seqs(rows), [5, 4, 3, 1]);
});

test("a stream is asked for with every digit", () => {
  const selection = { types: ["checkout.*", "页面"], user: "9223372036854775807" };
  const address = new URL(streamAddress("https://host/x?y", "e:5:ab", selection, { speed: 10, clock: "event" }));
  assert.equal(address.protocol + address.pathname, "wss:/ws");
  assert.deepEqual(address.searchParams.getAll("event_type"), selection.types);
  assert.deepEqual(
    ["from", "user_id", "speed", "clock"].map((name) => address.searchParams.get(name)),
    ["e:5:ab", selection.user, "10", "event"],
  );
  assert.equal(
    filterMessage(selection),
    '{"kind":"filter","event_type":["checkout.*","页面"],"user_id":9223372036854775807}',
  );
  assert.equal(filterMessage({ types: [], user: null }), '{"kind":"filter","event_type":[],"user_id":null}');
  assert.equal(
    seekMessage("-5m", { speed: "max", clock: "log" }),
    '{"kind":"seek","from":"-5m","speed":"max","clock":"log"}',
  );
});

test("the headline says what is the matter", () => {
  const usual: Situation = {
    connection: { kind: "open" },
    replay: null,
    paused: false,
    caughtUp: true,
    behind: 0,
    now: NOW,
  };
  const said = (other: Partial<Situation>): string => headline({ ...usual, ...other }).text;
  assert.equal(said({}), "Live");
  assert.equal(said({ replay: 10 }), "Replaying at 10×");
  assert.equal(said({ replay: "max" }), "Replaying as fast as it goes");
  assert.equal(said({ caughtUp: false, behind: 1 }), "Catching up, 1 entry behind");
  assert.equal(said({ paused: true, behind: 12 }), "Paused, 12 behind");
  assert.equal(said({ connection: { kind: "refused", reason: "user_id: …" } }), "Refused: user_id: …");
  const waiting = { kind: "waiting", until: NOW + 2100, reason: "the log does not answer" } as const;
  assert.equal(said({ connection: waiting }), "Disconnected, trying again in 3 s");
  assert.equal(
    headline({ ...usual, connection: waiting }).spoken,
    "Disconnected: the log does not answer. Trying again.",
  );
});

function counted(counting: Counting, logged: number, happened: number, today: number): void {
  const [one] = events(1, 1) as [LogEvent];
  const times = { logged_at: new Date(logged).toISOString(), created_at: new Date(happened).toISOString() };
  counting.count({ ...one, ...times }, today);
}

test("a live entry counts when the log took it, whenever it happened", () => {
  const counting = new Counting(NOW);
  counted(counting, NOW - 2_000, NOW - 2_000, NOW);
  counted(counting, NOW, NOW - 3_600_000, NOW); // late
  counted(counting, NOW, NOW + 60_000, NOW); // of a clock that is wrong
  counting.advance(NOW);
  assert.deepEqual(counting.view().totals.slice(-3), [1, 0, 2]);
});

test("a replay by arrival has the log's time, whatever the events say", () => {
  const start = NOW - 120_000;
  const counting = new Counting(NOW, { speed: 10, clock: "log" }, start);
  counted(counting, start + 5_000, start - 86_400_000, NOW + 500); // imported
  counted(counting, start + 15_000, start + 90_000, NOW + 1_500); // of a clock that is ahead
  assert.equal(counting.time(NOW + 1_500), start + 15_000);
  counting.advance(NOW + 1_500);
  assert.deepEqual(counting.view().totals.slice(-2), [1, 1]);
});

test("a replay by event time has theirs, but none happened after the log took it", () => {
  const counting = new Counting(NOW, { speed: 10, clock: "event" });
  counted(counting, NOW, NOW - 86_400_000, NOW);
  assert.equal(counting.time(NOW), NOW - 86_400_000);
  counted(counting, NOW - 60_000, NOW + 3_600_000, NOW);
  assert.equal(counting.time(NOW), NOW - 60_000);
});

test("a replay counts in its own time, a second of watching a bar, and goes on live where it caught up", () => {
  const start = NOW - 120_000;
  const counting = new Counting(NOW, { speed: 10, clock: "log" }, start);
  counted(counting, start + 15_000, start, NOW + 1_500);
  counting.advance(NOW + 2_500);
  const { width, newest, totals } = counting.view();
  assert.deepEqual([width, newest, totals.slice(-2)], [10_000, start + 20_000, [1, 0]]);
  counting.catchUp();
  counting.advance(NOW + 2_500);
  assert.equal(counting.view().width, 1_000);
});
