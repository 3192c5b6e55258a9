import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_ROWS, Tail } from "../src/stream/tail.ts";
import { events } from "./events.ts";

const seqs = (tail: Tail): number[] => tail.shown.flatMap((row) => (row.kind === "event" ? [row.seq] : []));

test("the tail shows the newest events first, and a bounded number", () => {
  const tail = new Tail();
  tail.addEvents(events(1, 3), "e:0:");
  tail.addEvents(events(4, 300), "e:3:00");
  tail.show();
  assert.equal(tail.shown.length, MOST_ROWS);
  assert.deepEqual(seqs(tail).slice(0, 2), [300, 299]);
});

test("a replay from a row starts with that row", () => {
  const tail = new Tail();
  tail.addEvents(events(5, 6), "e:2:00");
  tail.show();
  assert.deepEqual(
    tail.shown.map((row) => row.kind === "event" && row.before),
    ["e:5:00", "e:2:00"],
  );
});

test("new rows wait for the next batch", () => {
  const tail = new Tail();
  tail.addEvents(events(1, 2), null);
  assert.deepEqual([seqs(tail), tail.isWaiting], [[], true]);
  assert.equal(tail.show(), 2);
  assert.deepEqual([seqs(tail), tail.isWaiting], [[2, 1], false]);
});

test("a batch that is too large is sampled evenly, gaps are always shown", () => {
  const tail = new Tail();
  tail.addEvents(events(1, 60), null);
  tail.addGap({ kind: "gap", asked: "e:60:00", resumed_at: "e:61:00", reason: "damaged" });
  tail.addEvents(events(62, 100), "e:61:00");
  tail.show(6);
  const shown = seqs(tail);
  assert.equal(shown.length, 6);
  assert.equal(shown[0], 100);
  assert.ok((shown.at(-1) ?? 0) < 40);
  assert.equal(tail.shown.filter((row) => row.kind === "gap").length, 1);
  assert.ok(tail.sampled);
  tail.showAll();
  assert.deepEqual([tail.shown.length, tail.sampled], [100, false]);
});

test("held rows stay, and the new ones are shown once the rows are released", () => {
  const tail = new Tail();
  tail.addEvents(events(1, 2), null);
  tail.show();
  tail.hold(true);
  tail.addEvents(events(3, 5), "e:2:00");
  assert.equal(tail.show(), 0);
  assert.deepEqual([seqs(tail), tail.heldBack], [[2, 1], 3]);
  tail.hold(false);
  assert.deepEqual([seqs(tail), tail.heldBack], [[5, 4, 3, 2, 1], 0]);
});

test("clearing or filtering held rows releases them", () => {
  for (const change of [(tail: Tail) => tail.clear(), (tail: Tail) => tail.filter(() => false)]) {
    const tail = new Tail();
    tail.addEvents(events(1, 2), null);
    tail.show();
    tail.hold(true);
    tail.addEvents(events(3, 3), "e:2:00");
    change(tail);
    assert.deepEqual([seqs(tail), tail.heldBack], [[], 0]);
    tail.addEvents(events(4, 4), "e:3:00");
    tail.show();
    assert.deepEqual(seqs(tail), [4]);
  }
});

test("older events are added below, without duplicates", () => {
  const tail = new Tail();
  tail.addEvents(events(4, 5), null);
  tail.show();
  tail.addOlder([...events(3, 4), ...events(1, 1)]);
  assert.deepEqual(seqs(tail), [5, 4, 3, 1]);
});
