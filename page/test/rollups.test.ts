import assert from "node:assert/strict";
import { test } from "node:test";
import { dimensions, type Listed, rowsRequest } from "../src/rollups/questions.ts";
import { ALL_TIME, customRange, presetById, type Range } from "../src/view/ranges.ts";

const REVENUE: Listed = {
  name: "revenue",
  kind: "rollup",
  state: "live",
  dimensions: ["country", "plan"],
  measures: ["orders", "buyers"],
  buckets: ["hour", "day"],
};
const NOW = Date.parse("2026-03-02T10:20:30Z");

function limits(range: Range, rollup = REVENUE): (string | null)[] {
  const [country] = dimensions([rollup]);
  assert.ok(country);
  const query = new URL(rowsRequest(country, "orders", range, NOW), "http://host").searchParams;
  return [query.get("from"), query.get("to")];
}

test("the dimensions are those of the user's rollups that can be read", () => {
  const listed = [
    REVENUE,
    { ...REVENUE, name: "next", state: "building" },
    { ...REVENUE, name: "gone", state: "orphaned", dimensions: ["a"] },
    { ...REVENUE, name: "cart", kind: "fold" as const },
    { ...REVENUE, name: "pages" },
  ];
  assert.deepEqual(
    dimensions(listed).map(({ id }) => id),
    ["revenue.country", "revenue.plan", "gone.a"],
  );
});

test("a range is moved outwards to whole buckets", () => {
  assert.deepEqual(limits(ALL_TIME), [null, null]);
  assert.deepEqual(limits(presetById("1h") ?? ALL_TIME), ["2026-03-02T09:00:00.000Z", null]);
  const custom = customRange(Date.parse("2026-03-01T05:30:00Z"), Date.parse("2026-03-01T06:10:00Z"));
  assert.deepEqual(limits(custom), ["2026-03-01T05:00:00.000Z", "2026-03-01T07:00:00.000Z"]);
  assert.deepEqual(limits(custom, { ...REVENUE, buckets: ["day"] }), [
    "2026-03-01T00:00:00.000Z",
    "2026-03-02T00:00:00.000Z",
  ]);
});
