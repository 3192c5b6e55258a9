import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { matches, patternError, toggled, userError } from "../src/view/patterns.ts";

test("patterns match the types that the service matches", () => {
  // computed by the service's own code
  const file = process.env["TAILRACE_PATTERN_CASES"];
  const cases: [string, string, boolean][] = file
    ? JSON.parse(readFileSync(file, "utf8"))
    : [
        ["checkout.*", "checkout.started", true],
        ["checkout.*", "checkout", false],
        ["checkout.>", "checkout.a.b", true],
        ["a.>.b", "a.x.b", false],
        ["*", "page_view", true],
      ];
  for (const [pattern, type, expected] of cases) assert.equal(matches([pattern], type), expected, `${pattern} ${type}`);
});

test("no pattern matches every type, several match any of theirs", () => {
  assert.ok(matches([], "click"));
  assert.ok(matches(["order", "click"], "click"));
  assert.ok(!matches(["order", "sign_up"], "click"));
});

test("choosing a type twice takes it away again", () => {
  assert.deepEqual(toggled(toggled(["a"], "b"), "b"), ["a"]);
});

test("user ids are integers or strings of at most 200 characters", () => {
  for (const good of ["0", "-9223372036854775808", "alice@shop.example", "é".repeat(200)]) {
    assert.equal(userError(good), null, good);
  }
  assert.ok(userError("x".repeat(201)));
});

test("event types are printable and not longer than the service takes", () => {
  assert.equal(patternError("页面"), null);
  assert.equal(patternError("x".repeat(128)), null);
  assert.ok(patternError("x".repeat(129)));
  assert.ok(patternError("a\tb"));
});
