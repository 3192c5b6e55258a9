// Runs in the zone of TZ: Europe/Berlin, whose clocks went back on 25 October 2026.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { SeriesPoint } from "../src/api/contract.ts";
import { timeTicks } from "../src/charts/ticks.ts";
import {
  browserZone,
  bucketName,
  day,
  dayAndTime,
  duration,
  fromInput,
  rowTime,
  timeZone,
  toInput,
} from "../src/format/times.ts";
import { breakdownRequest, mainRequest } from "../src/stats/requests.ts";
import { endOf, wholeSeries } from "../src/stats/series.ts";
import { ALL_TIME, customRange, presetById, type Range } from "../src/view/ranges.ts";

const at = (text: string): number => Date.parse(text);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test("the tests run in the expected zone", () => {
  assert.equal(Intl.DateTimeFormat().resolvedOptions().timeZone, "Europe/Berlin");
});

test("a bucket ends where the next one begins, a local day may have 25 hours", () => {
  const days = ["2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"].map(at);
  assert.equal(endOf(days, 0, "day"), days[1]);
  assert.equal(endOf(days, 1, "day"), at("2026-10-27T00:00:00+01:00"));
});

test("long ranges start on the hour, so that counts of whole hours answer them", () => {
  const question = { range: presetById("7d") as Range, types: ["a"], where: ["event_data.a:b"], zone: "Asia/Kolkata" };
  const now = at("2026-11-24T10:12:13Z");
  const asked = new URL(mainRequest(question, true, false, now), "http://host").searchParams;
  assert.deepEqual(
    ["from", "to", "compare", "tz", "event_type", "top"].map((name) => asked.get(name)),
    ["2026-11-17T10:00:00.000Z", "-0s", "previous", "Asia/Kolkata", "a", null],
  );
  assert.match(
    mainRequest({ ...question, range: presetById("1h") as Range }, false, false, now),
    /^\/stats\?from=-60m&to=-0s&tz/,
  );
  assert.doesNotMatch(mainRequest({ ...question, range: ALL_TIME }, true, false, now), /from|to=|compare/);
  const custom = customRange(at("2026-11-20T10:00:00Z"), at("2026-11-20T11:00:00Z"));
  assert.match(
    decodeURIComponent(mainRequest({ ...question, range: custom }, true, false, now)),
    /from=2026-11-20T10:00:00.000Z&to=2026-11-20T11:00:00.000Z.*compare=previous/,
  );
  assert.match(mainRequest(question, true, true, now), /users=series/);
  const pages = { id: "pages", label: "Pages", property: "event_data.path", where: ["event_data.asset:false"] };
  assert.match(
    decodeURIComponent(breakdownRequest(question, pages, 9, now)),
    /where=event_data.a:b&where=event_data.asset:false.*&top=event_data.path&top_limit=9/,
  );
  const paths = { ...pages, where: [] };
  assert.match(
    breakdownRequest({ ...question, where: [] }, paths, 9, now),
    /from=2026-11-17T00%3A00%3A00.000Z&tz=.*&top=event_data.path/,
  );
  assert.match(
    breakdownRequest({ ...question, where: [], range: presetById("24h") as Range }, paths, 9, now),
    /from=2026-11-23.*&to=-0s/,
  );
});

test("a series has every bucket of its range and marks the incomplete ones", () => {
  const points: SeriesPoint[] = [
    { bucket: "2026-11-24T10:01:00+01:00", event_type: "a", events: 2 },
    { bucket: "2026-11-24T10:01:00+01:00", event_type: "b", events: 1 },
    { bucket: "2026-11-24T10:04:00+01:00", event_type: "a", events: 5 },
  ];
  const minutes = ["00", "01", "02", "03", "04"].map((minute) => `2026-11-24T10:${minute}:00+01:00`);
  const [from, to] = [at("2026-11-24T10:00:30+01:00"), at("2026-11-24T10:05:00+01:00")];
  const series = wholeSeries(points, [], minutes, null, "minute", from, to);
  assert.deepEqual(series.totals, [0, 3, 0, 0, 5]);
  assert.deepEqual(series.byType.get("b"), [0, 1, 0, 0, 0]);
  assert.deepEqual([series.cutFirst, series.cutLast], [true, false]);
});

test("a point outside the buckets is counted", () => {
  const points = ["2026-10-24T00:00:00+02:00", "2026-10-27T00:00:00+01:00"].map((bucket) => ({
    bucket,
    event_type: "a",
    events: 1,
  }));
  const buckets = ["2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"];
  const series = wholeSeries(points, [], buckets, [2, 0, 0], "day", null, null);
  assert.deepEqual(
    [series.totals, series.users],
    [
      [1, 0, 0, 1],
      [2, 0, 0, 0],
    ],
  );
  assert.deepEqual(wholeSeries([], [], [], null, "day", null, null).starts, []);
});

test("events of types without a name are in the totals", () => {
  const day = "2026-11-24T00:00:00Z";
  const series = wholeSeries(
    [{ bucket: day, event_type: "a", events: 2 }],
    [{ bucket: day, events: 3 }],
    [day],
    null,
    "day",
    null,
    null,
  );
  assert.deepEqual([series.totals, series.others, series.byType.get("a")], [[5], [3], [2]]);
});

test("a day without a midnight has a label", () => {
  const days = ["2026-11-23T00:00:00+01:00", "2026-11-24T01:00:00+01:00", "2026-11-25T00:00:00+01:00"].map(at);
  assert.equal(timeTicks(days, "day", 8).length, 3);
});

test("labels are at round local times, as many as fit", () => {
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

test("times survive the input field", () => {
  for (const time of [at("2026-10-25T23:59:58+01:00"), at("2026-07-01T00:00:00+02:00")]) {
    assert.equal(fromInput(toInput(time)), time);
  }
});

test("durations are in their largest unit", () => {
  assert.deepEqual([0, 89_000, 5 * 60_000, 26 * HOUR, 50 * HOUR, 90 * DAY, 4211 * DAY].map(duration), [
    "0 s",
    "89 s",
    "5 min",
    "26 h",
    "2 days",
    "3 months",
    "12 years",
  ]);
});

test("dates of other years have a year", () => {
  const [recent, old] = [new Date(), new Date()];
  recent.setMonth(0, 5);
  old.setFullYear(2014, 10, 24);
  for (const format of [day, (time: number) => dayAndTime(time, Date.now() + 30 * DAY)]) {
    assert.doesNotMatch(format(recent.getTime()), new RegExp(`${recent.getFullYear()}`));
    assert.match(format(old.getTime()), /2014/);
  }
  assert.match(rowTime(old.getTime(), Date.now()), /2014/);
  assert.match(bucketName(old.getTime(), "minute"), /2014/);
  assert.match(bucketName(old.getTime(), "day"), /2014/);
  const days = [0, 1, 2].map((number) => old.getTime() + number * DAY);
  assert.ok(timeTicks(days, "day", 8).every(({ label }) => label.join(" ").includes("2014")));
});

test("an axis of hours over several days shows the date where it changes", () => {
  const midnight = at("2025-11-21T00:00:00+01:00");
  const hours = Array.from({ length: 96 }, (_, hour) => midnight + hour * HOUR);
  const ticks = timeTicks(hours, "hour", 10);
  const dated = ticks.filter(({ label }) => label.length === 2);
  assert.deepEqual(
    dated.map(({ index }) => index),
    [0, 24, 48, 72],
  );
  assert.match(dated[0]?.label[1] ?? "", /21.*2025|2025.*21/);
  assert.ok(ticks.length > dated.length);
});

test("an axis of today shows no date", () => {
  const now = new Date();
  const start = new Date(now.getFullYear(), now.getMonth(), now.getDate(), 12).getTime();
  const minutes = Array.from({ length: 61 }, (_, minute) => start + minute * 60_000);
  assert.ok(timeTicks(minutes, "minute", 8).every(({ label }) => label.length === 1));
});

test("the name of an hour has its start and end", () => {
  assert.match(bucketName(at("2026-11-24T10:00:00+01:00"), "hour"), /10:00\sAM – 11:00\sAM/);
});

test("times, axes and fields follow the chosen zone", () => {
  timeZone.value = "Asia/Kolkata";
  try {
    const time = at("2026-03-29T01:30:00Z"); // 07:00 there, and within the hour that Berlin skips
    assert.match(dayAndTime(time, time), /7:00:00\sAM/);
    assert.equal(toInput(time), "2026-03-29T07:00:00");
    assert.equal(fromInput("2026-03-29T07:00:00"), time);
    const hours = Array.from({ length: 48 }, (_, hour) => at("2026-03-28T18:30:00Z") + hour * HOUR);
    const dated = timeTicks(hours, "hour", 8).filter(({ label }) => label.length === 2);
    assert.deepEqual(
      dated.map(({ index }) => index),
      [0, 24],
    );
    timeZone.value = "America/New_York";
    for (const text of ["2026-03-08T03:00:00", "2026-03-08T01:59:59", "2026-11-01T00:30:00", "2026-11-01T02:00:00"]) {
      assert.equal(toInput(fromInput(text)), text);
    }
    assert.ok(Number.isNaN(fromInput("")));
  } finally {
    timeZone.value = browserZone();
  }
});
