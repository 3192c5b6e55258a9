import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../src/api/contract.ts";
import { isRaw, parseJson, plain } from "../src/api/json.ts";

const LARGE = "9223372036854775807";

test("64-bit integers keep every digit through parsing and formatting", () => {
  const text = `{"user_id":${LARGE},"event_data":{"n":[1,-${LARGE},2.5,1e+300]},"s":"${LARGE}"}`;
  const parsed = parseJson<{ user_id: Json; s: string }>(text);
  assert.equal(plain(parsed.user_id), LARGE);
  assert.equal(parsed.s, LARGE);
  assert.equal(JSON.stringify(parsed), text);
});

test("integers up to 2^53 are numbers", () => {
  const parsed = parseJson<{ user_id: Json; other: Json }>(`{"user_id":9007199254740991,"other":${LARGE}}`);
  assert.equal(parsed.user_id, 9007199254740991);
  assert.ok(isRaw(parsed.other));
});

test("scalars are shown without quotes", () => {
  assert.deepEqual(
    ["a b", 12, true, null, ["x"]].map((value) => plain(value as Json)),
    ["a b", "12", "true", "null", '["x"]'],
  );
});
