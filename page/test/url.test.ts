import assert from "node:assert/strict";
import { test } from "node:test";
import { readView, writeView } from "../src/view/url.ts";

test("a link describes the view, without defaults", () => {
  assert.equal(writeView(readView("")), "");
  for (const link of [
    "?range=24h",
    "?from=2026-11-24T02:10:00.000Z&to=2026-11-24T03:10:00.000Z",
    "?type=checkout.*&type=sign_up&user=-9223372036854775808",
    "?at=2026-11-24T02:10:00.000Z",
    "?range=all&at=0a1b:17:89abcdef01234567&speed=max&clock=event",
    "?at=2026-11-24T02:10:00Z&speed=600",
  ]) {
    assert.equal(writeView(readView(link)), link);
  }
});

test("invalid parts of a link are ignored", () => {
  const view = readView(
    "?range=3y&from=2026-11-24T02:10:00Z&to=2026-11-23T02:10:00Z&type=&type=a&type=a&user=&at=yesterday&speed=-4&clock=sun",
  );
  assert.equal(view.range, null);
  assert.deepEqual(view.selection, { types: ["a"], user: null, where: [] });
  assert.equal(view.at, null);
  assert.deepEqual(view.pace, { speed: 10, clock: "log" });
});

test("types with special characters survive a link", () => {
  const view = {
    ...readView(""),
    selection: { types: ["a&b=c d", "页面", "50%+1"], user: null, where: ["event_data.a:=b&c/ü:1"] },
  };
  assert.deepEqual(readView(writeView(view)).selection.types, view.selection.types);
});
