import assert from "node:assert/strict";
import { test } from "node:test";
import { EVERYTHING, filterMessage, seekMessage, streamAddress } from "../src/api/live_request.ts";
import { backoff } from "../src/stream/backoff.ts";
import { headline, type Situation } from "../src/stream/headline.ts";
import { NOW } from "./events.ts";

test("delays between retries grow to ten seconds, with jitter", () => {
  assert.deepEqual(
    [1, 2, 3, 7, 50].map((attempt) => backoff(attempt, () => 1)),
    [300, 600, 1200, 10_000, 10_000],
  );
  assert.equal(
    backoff(1, () => 0),
    150,
  );
});

test("requests keep every digit of a user id", () => {
  const selection = { types: ["checkout.*", "页面"], user: "9223372036854775807", where: [] };
  const address = new URL(streamAddress("https://host/x?y", "e:5:ab", selection, { speed: 10, clock: "event" }));
  assert.equal(address.protocol + address.pathname, "wss:/ws");
  assert.deepEqual(address.searchParams.getAll("event_type"), selection.types);
  assert.deepEqual(
    ["from", "user_id", "speed", "clock"].map((name) => address.searchParams.get(name)),
    ["e:5:ab", selection.user, "10", "event"],
  );
  assert.equal(
    filterMessage(selection),
    '{"kind":"filter","event_type":["checkout.*","页面"],"user_id":"9223372036854775807"}',
  );
  assert.equal(filterMessage(EVERYTHING), '{"kind":"filter","event_type":[],"user_id":null}');
  assert.equal(
    seekMessage("-5m", { speed: "max", clock: "log" }),
    '{"kind":"seek","from":"-5m","speed":"max","clock":"log"}',
  );
});

test("the headline tells the state of the stream", () => {
  const live: Situation = {
    connection: { kind: "open" },
    replay: null,
    paused: false,
    caughtUp: true,
    behind: 0,
    now: NOW,
  };
  const text = (other: Partial<Situation>): string => headline({ ...live, ...other }).text;
  assert.equal(text({}), "Live");
  assert.equal(text({ replay: 10 }), "Replaying at 10×");
  assert.equal(text({ replay: "max" }), "Replaying at full speed");
  assert.equal(text({ caughtUp: false, behind: 1 }), "Catching up, 1 entry behind");
  assert.equal(text({ paused: true, behind: 12 }), "Paused, 12 behind");
  assert.equal(text({ connection: { kind: "refused", reason: "user_id: …" } }), "Refused: user_id: …");
  const waiting = { kind: "waiting", until: NOW + 2100, reason: "the log does not answer" } as const;
  assert.equal(text({ connection: waiting }), "Disconnected, retrying in 3 s");
  assert.equal(headline({ ...live, connection: waiting }).spoken, "Disconnected: the log does not answer. Retrying.");
});
