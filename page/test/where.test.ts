import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, LogEvent } from "../src/api/contract.ts";
import { parseJson } from "../src/api/json.ts";
import { chooseBreakdown, readyBreakdowns } from "../src/stats/breakdowns.ts";
import { conditionName, conditionOf, fulfils, isCondition } from "../src/view/where.ts";

function eventWith(data: string): LogEvent {
  const [event_id, event_type, created_at] = ["1", "a", "2026-11-24T10:00:00Z"];
  return { cursor: "e:1:ab", event_id, event_type, user_id: 1, created_at, event_data: parseJson<Json>(data) };
}

function properties(...names: string[]) {
  return { properties: names.map((name) => ({ name, events: 9, values: 2 })), sampled: 9, partial: false };
}

test("the stream compares values as the service does", () => {
  const event = eventWith('{"s":"a:b","n":7,"yes":true,"none":null,"empty":"","list":["x"],"id":9223372036854775807}');
  for (const condition of ["s:a:b", "n:7", "yes:true", "none", "empty:", "list", "list.0:x", "other", "constructor"]) {
    assert.ok(fulfils([`event_data.${condition}`], event), condition);
  }
  for (const condition of ["s", "s:a", "n:8", "empty", "none:null", "list.1:x", "s.length:3"]) {
    assert.ok(!fulfils([`event_data.${condition}`], event), condition);
  }
  assert.ok(fulfils(["event_data.n:8", "event_data.n:7", "event_data.s:a:b"], event));
  assert.ok(!fulfils(["event_data.n:7", "event_data.s:x"], event));
  assert.ok(fulfils(["event_data.id:9223372036854775807"], event));
});

test("a value becomes a condition, and a condition a name", () => {
  assert.deepEqual(
    ["DE", "", null, 1.5, {}].map((value) => conditionOf("event_data.a.b", value)),
    ["event_data.a.b:DE", "event_data.a.b:", "event_data.a.b", "event_data.a.b:1.5", "event_data.a.b"],
  );
  assert.equal(conditionName("event_data.a.b:x:y"), "a.b: x:y");
  assert.equal(conditionName("event_data.a:"), "a: empty");
  assert.equal(conditionName("event_data.a"), "a: none");
  assert.deepEqual(["event_data.a", "event_data.a.b:", "event_data:a", "a:b", "event_data..a:b"].map(isCondition), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("imported web requests have ready breakdowns, other events begin with their path", () => {
  const web = properties("event_data.asset", "event_data.path", "event_data.status");
  assert.deepEqual(
    readyBreakdowns(web).map(({ label }) => label),
    ["Pages", "Status codes"],
  );
  assert.deepEqual(chooseBreakdown(null, web).where, ["event_data.asset:false"]);
  assert.equal(chooseBreakdown("statuses", web).property, "event_data.status");
  assert.deepEqual(readyBreakdowns(properties("event_data.path", "event_data.status")), []);
  assert.equal(chooseBreakdown(null, properties("event_data.plan", "event_data.path")).property, "event_data.path");
  assert.equal(chooseBreakdown(null, properties("event_data.plan")).property, "event_data.plan");
  assert.equal(chooseBreakdown("event_data.x", null).property, "event_data.x");
});
