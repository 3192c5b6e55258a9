import assert from "node:assert/strict";
import { test } from "node:test";
import { difference, headline, many, percent, rate } from "../src/format/numbers.ts";

test("a change is a percentage, or a factor from ten times on", () => {
  assert.deepEqual(
    [difference(115, 100), difference(97, 100), difference(100, 100), difference(2_000, 100), difference(5, 0)],
    ["+15%", "-3%", "0%", "20×", null],
  );
});

test("a small share or rate is not shown as 0", () => {
  assert.deepEqual([rate(0), rate(0.0076), rate(0.1), rate(0.26)], ["0", "<0.1", "0.1", "0.3"]);
  assert.deepEqual([percent(0, 10), percent(1, 1000), percent(1, 3), percent(0, 0)], ["0%", "<1%", "33%", "0%"]);
});

test("headlines show all digits below ten million", () => {
  assert.deepEqual([headline(9_999_999), headline(12_345_678)], ["9,999,999", "12.3M"]);
  assert.deepEqual(
    [rate(9.87), rate(1234.5), many(1, "entry", "entries"), many(0, "entry", "entries")],
    ["9.9", "1,235", "1 entry", "0 entries"],
  );
});
