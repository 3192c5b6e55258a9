// Run in the zone that TZ names: Europe/Berlin, whose clocks went back on 25 October 2026.

import assert from "node:assert/strict";
import { test } from "node:test";
import { timeTicks } from "../src/charts/ticks.ts";
import type { SeriesPoint } from "../src/contract.ts";
import { bucketName, duration, fromInput, toInput } from "../src/format/times.ts";
import { endOf, wholeSeries } from "../src/stats/buckets.ts";
import { mainQuestion, pathsQuestion, rangeById } from "../src/stats/ranges.ts";

const at = (text: string): number => Date.parse(text);
const HOUR = 3_600_000;

test("the tests run where they think they do", () => {
  assert.equal(Intl.DateTimeFormat().resolvedOptions().timeZone, "Europe/Berlin");
});

test("a bucket ends where the next one begins, a local day may have 25 hours", () => {
  const days = ["2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"].map(at);
  assert.equal(endOf(days, 0, "day"), days[1]);
  assert.equal(endOf(days, 1, "day"), at("2026-10-27T00:00:00+01:00"));
});

test("long ranges begin with an hour, so that counts of whole hours answer them", () => {
  const question = { range: rangeById("7d"), types: ["a"], zone: "Asia/Kolkata" };
  const now = at("2026-11-24T10:12:13Z");
  const asked = new URL(mainQuestion(question, true, now), "http://host").searchParams;
  assert.deepEqual(
    ["from", "to", "compare", "tz", "event_type", "top"].map((name) => asked.get(name)),
    ["2026-11-17T10:00:00.000Z", "-0s", "previous", "Asia/Kolkata", "a", null],
  );
  assert.match(mainQuestion({ ...question, range: rangeById("1h") }, false, now), /^\/stats\?from=-60m&to=-0s&tz/);
  assert.doesNotMatch(mainQuestion({ ...question, range: rangeById("all") }, true, now), /from|to=|compare/);
  assert.match(pathsQuestion(question, now), /users=false&top=event_data.path/);
});

test("a series has every bucket of its range, and says which are cut", () => {
  const points: SeriesPoint[] = [
    { bucket: "2026-11-24T10:01:00+01:00", event_type: "a", events: 2 },
    { bucket: "2026-11-24T10:01:00+01:00", event_type: "b", events: 1 },
    { bucket: "2026-11-24T10:04:00+01:00", event_type: "a", events: 5 },
  ];
  const minutes = ["00", "01", "02", "03", "04"].map((minute) => `2026-11-24T10:${minute}:00+01:00`);
  const [from, to] = [at("2026-11-24T10:00:30+01:00"), at("2026-11-24T10:05:00+01:00")];
  const series = wholeSeries(points, minutes, "minute", from, to);
  assert.deepEqual(series.totals, [0, 3, 0, 0, 5]);
  assert.deepEqual(series.byType.get("b"), [0, 1, 0, 0, 0]);
  assert.deepEqual([series.cutFirst, series.cutLast], [true, false]);
});

test("a point is counted even where no bucket was announced for it", () => {
  const points = ["2026-10-24T00:00:00+02:00", "2026-10-27T00:00:00+01:00"].map((bucket) => ({
    bucket,
    event_type: "a",
    events: 1,
  }));
  const buckets = ["2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"];
  assert.deepEqual(wholeSeries(points, buckets, "day", null, null).totals, [1, 0, 0, 1]);
  assert.deepEqual(wholeSeries([], [], "day", null, null).starts, []);
});

test("a day whose midnight was skipped has its label too", () => {
  const days = ["2026-11-23T00:00:00+01:00", "2026-11-24T01:00:00+01:00", "2026-11-25T00:00:00+01:00"].map(at);
  assert.equal(timeTicks(days, "day", 8).length, 3);
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
