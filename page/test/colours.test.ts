import assert from "node:assert/strict";
import { test } from "node:test";
import { COLOURS, colourNumber, layers } from "../src/view/colours.ts";

test("a type's colour depends only on its name", () => {
  const types = Array.from({ length: 2_000 }, (_, number) => `type_${number}.页面`);
  const numbers = types.map(colourNumber);
  assert.deepEqual(types.toReversed().map(colourNumber).toReversed(), numbers);
  assert.equal(new Set(numbers).size, COLOURS);
});

test("a stack has a layer for each frequent type, by name, and one for the others", () => {
  const byType = new Map(Array.from({ length: 13 }, (_, number) => [`t${12 - number}`, [number, 1]] as const));
  const stack = layers(new Map([...byType].map(([type, values]) => [type, [...values]])));
  assert.equal(stack.length, 11);
  assert.deepEqual(stack.at(-1), { type: null, name: "other types", values: [0 + 1 + 2, 3] });
  const copied = new Map([...byType].map(([type, values]) => [type, [...values]]));
  assert.deepEqual(layers(copied, [10, 20]).at(-1)?.values, [13, 23]);
  assert.deepEqual(layers(new Map([["a", [1]]]), [2]).at(-1), { type: null, name: "other types", values: [2] });
  const names = stack.slice(0, -1).map(({ type }) => type as string);
  assert.deepEqual(names, names.toSorted());
});
