import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogEvent } from "../src/api/contract.ts";
import { ReplayClock } from "../src/stream/clock.ts";
import { Counter } from "../src/stream/counter.ts";
import { perSecond, RateWindow } from "../src/stream/rates.ts";
import { events, NOW } from "./events.ts";

const HOUR = 3_600_000;

test("a window counts by type and drops what is older", () => {
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

test("the rate leaves out the incomplete bucket", () => {
  const window = new RateWindow(10_000, 6);
  for (let second = 0; second < 55; second += 1) window.add(NOW + second * 1000, "a");
  assert.equal(perSecond(window.view()), 1);
});

test("the rate of a replay is right from its first complete bucket on", () => {
  const start = NOW + 5_000; // within a bucket
  const window = new RateWindow(10_000, 60, start);
  const rates = [];
  for (let second = 0; second < 60; second += 1) {
    window.add(start + second * 1000, "a");
    rates.push(perSecond(window.view()));
  }
  assert.equal(rates[0], null);
  assert.deepEqual(new Set(rates.filter((rate) => rate !== null)), new Set([1]));
  assert.equal(
    rates.findIndex((rate) => rate !== null),
    15,
  );
});

test("a replay's clock runs on between events, and never back", () => {
  const clock = new ReplayClock(NOW - 60_000, NOW, 10);
  assert.equal(clock.at(NOW), NOW - 60_000);
  assert.equal(clock.at(NOW + 1000), NOW - 50_000);
  clock.see(NOW - 52_000, NOW + 1000); // a little behind the clock
  assert.equal(clock.at(NOW + 1000), NOW - 50_000);
  clock.see(NOW - 20_000, NOW + 1500);
  clock.see(NOW - 40_000, NOW + 1500); // late
  assert.equal(clock.at(NOW + 1500), NOW - 20_000);
  assert.equal(clock.at(NOW + 60_000), NOW + 60_000); // not beyond the real time
});

test("late events do not stop a replay's clock", () => {
  const clock = new ReplayClock(NOW - HOUR, NOW, 10);
  clock.see(NOW - HOUR, NOW);
  for (let tick = 1; tick <= 8; tick += 1) {
    clock.see(NOW - 2 * HOUR, NOW + tick * 1000);
    assert.equal(clock.at(NOW + tick * 1000), NOW - HOUR + tick * 10_000);
  }
});

test("a replay's clock that waits is set by the next event", () => {
  const clock = new ReplayClock(NOW - HOUR, NOW, 10);
  clock.at(NOW + 100);
  clock.waitForEvent();
  assert.equal(clock.at(NOW + 9_000), NOW - HOUR);
  clock.see(NOW - 60_000, NOW + 10_000);
  assert.equal(clock.at(NOW + 11_000), NOW - 50_000);
});

test("a replay's clock waits no longer than the service does", () => {
  const clock = new ReplayClock(NOW - HOUR, NOW, 10);
  assert.equal(clock.at(NOW + 60_000), NOW - 3_500_000);
});

function count(counter: Counter, logged: number, created: number, now: number): void {
  const [event] = events(1, 1) as [LogEvent];
  const times = { logged_at: new Date(logged).toISOString(), created_at: new Date(created).toISOString() };
  counter.count({ ...event, ...times }, now);
}

test("a live entry counts at its log time, whenever it happened", () => {
  const counter = Counter.live(NOW);
  count(counter, NOW - 2_000, NOW - 2_000, NOW);
  count(counter, NOW, NOW - HOUR, NOW); // late
  count(counter, NOW, NOW + 60_000, NOW); // of a wrong clock
  counter.advance(NOW);
  assert.deepEqual(counter.view().totals.slice(-3), [1, 0, 2]);
});

test("a replay by log time follows the log, whatever the events say", () => {
  const start = NOW - 120_000;
  const counter = Counter.replay(NOW, { speed: 10, clock: "log" }, start);
  count(counter, start + 5_000, start - 86_400_000, NOW + 500); // imported
  count(counter, start + 15_000, start + 90_000, NOW + 1_500); // of a clock that is ahead
  assert.equal(counter.time(NOW + 1_500), start + 15_000);
  counter.advance(NOW + 1_500);
  assert.deepEqual(counter.view().totals.slice(-2), [1, 1]);
});

test("a replay by event time follows the events, but none can happen after it was appended", () => {
  const counter = Counter.replay(NOW, { speed: 10, clock: "event" }, null);
  count(counter, NOW, NOW - 86_400_000, NOW);
  assert.equal(counter.time(NOW), NOW - 86_400_000);
  count(counter, NOW - 60_000, NOW + HOUR, NOW);
  assert.equal(counter.time(NOW), NOW - 60_000);
});

test("a replay by event time counts from its first event, wherever it was asked to start", () => {
  for (const before of [-HOUR, HOUR]) {
    const start = NOW - 4 * HOUR;
    const counter = Counter.replay(NOW, { speed: 10, clock: "event" }, start);
    counter.advance(NOW + 3_000);
    assert.equal(counter.time(NOW + 3_000), start); // nothing has arrived yet
    const first = start - before;
    for (let second = 0; second < 20; second += 1) {
      count(counter, NOW, first + second * 10_000, NOW + 3_000 + second * 1_000);
      assert.equal(counter.time(NOW + 3_000 + second * 1_000), first + second * 10_000);
    }
    assert.equal(
      counter.view().totals.reduce((sum, one) => sum + one, 0),
      20,
    );
  }
});

test("a replay counts a bar per second of watching, and seconds once it is live", () => {
  const start = NOW - 120_000;
  const counter = Counter.replay(NOW, { speed: 10, clock: "log" }, start);
  count(counter, start + 15_000, start, NOW + 1_500);
  counter.advance(NOW + 2_500);
  const { width, newest, totals } = counter.view();
  assert.deepEqual([width, newest, totals.slice(-2)], [10_000, start + 20_000, [1, 0]]);
  counter.catchUp();
  counter.advance(NOW + 2_500);
  assert.equal(counter.view().width, 1_000);
});
