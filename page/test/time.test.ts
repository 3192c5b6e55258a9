// Run in the zone that TZ names: Europe/Berlin, whose clocks went back on 25 October 2026.

import assert from "node:assert/strict";
import { test } from "node:test";
import { timeTicks } from "../src/charts/ticks.ts";
import type { SeriesPoint } from "../src/contract.ts";
import { bucketName, duration, fromInput, toInput } from "../src/format/times.ts";
import { nextStart, startOf, wholeSeries } from "../src/stats/buckets.ts";

const at = (text: string): number => Date.parse(text);
const HOUR = 3_600_000;

test("the tests run where they think they do", () => {
  assert.equal(Intl.DateTimeFormat().resolvedOptions().timeZone, "Europe/Berlin");
});

test("a local day may have 25 hours", () => {
  const day = startOf(at("2026-10-25T12:00:00+01:00"), "day");
  assert.equal(day, at("2026-10-25T00:00:00+02:00"));
  assert.equal(nextStart(day, "day") - day, 25 * HOUR);
});

test("weeks begin on Monday, months on their first", () => {
  assert.equal(startOf(at("2026-11-01T10:00:00+01:00"), "week"), at("2026-10-26T00:00:00+01:00"));
  assert.equal(startOf(at("2026-11-24T10:00:00+01:00"), "month"), at("2026-11-01T00:00:00+01:00"));
  assert.equal(nextStart(at("2026-10-01T00:00:00+02:00"), "month"), at("2026-11-01T00:00:00+01:00"));
});

test("a series has every bucket of its range, and says which are cut", () => {
  const points: SeriesPoint[] = [
    { bucket: "2026-11-24T10:01:00+01:00", event_type: "a", events: 2 },
    { bucket: "2026-11-24T10:01:00+01:00", event_type: "b", events: 1 },
    { bucket: "2026-11-24T10:04:00+01:00", event_type: "a", events: 5 },
  ];
  const series = wholeSeries(points, "minute", at("2026-11-24T10:00:30+01:00"), at("2026-11-24T10:05:00+01:00"));
  assert.deepEqual(series.totals, [0, 3, 0, 0, 5]);
  assert.deepEqual(series.byType.get("b"), [0, 1, 0, 0, 0]);
  assert.deepEqual([series.cutFirst, series.cutLast], [true, false]);
});

test("days of all there is go from the first to the last point, over the change of the clocks", () => {
  const points = ["2026-10-24T00:00:00+02:00", "2026-10-27T00:00:00+01:00"].map((bucket) => ({
    bucket,
    event_type: "a",
    events: 1,
  }));
  assert.deepEqual(wholeSeries(points, "day", null, null).totals, [1, 0, 0, 1]);
  assert.deepEqual(wholeSeries([], "day", null, null).starts, []);
});

test("labels are at round local times, and no more than there is room for", () => {
  const minutes = Array.from({ length: 61 }, (_, minute) => at("2026-11-24T10:03:00+01:00") + minute * 60_000);
  assert.deepEqual(
    timeTicks(minutes, "minute", 8).map(({ index }) => index),
    [7, 17, 27, 37, 47, 57],
  );
  const hours = Array.from({ length: 168 }, (_, hour) => at("2026-11-17T10:00:00+01:00") + hour * HOUR);
  const days = timeTicks(hours, "hour", 8);
  assert.equal(days.length, 7);
  assert.ok(days.every(({ index }) => new Date(hours[index] as number).getHours() === 0));
});

test("times survive the field they are chosen in", () => {
  for (const moment of [at("2026-10-25T23:59:58+01:00"), at("2026-07-01T00:00:00+02:00")]) {
    assert.equal(fromInput(toInput(moment)), moment);
  }
});

test("durations are said in their largest unit", () => {
  assert.deepEqual([0, 89_000, 5 * 60_000, 26 * HOUR, 50 * HOUR].map(duration), [
    "0 s",
    "89 s",
    "5 min",
    "26 h",
    "2 days",
  ]);
});

test("an hour's name says both of its ends", () => {
  assert.match(bucketName(at("2026-11-24T10:00:00+01:00"), "hour"), /10:00 – 11:00/);
});
