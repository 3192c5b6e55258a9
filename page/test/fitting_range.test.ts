import assert from "node:assert/strict";
import { test } from "node:test";
import type { Get } from "../src/api/http.ts";
import { fittingRange } from "../src/stats/fitting_range.ts";

const NOW = Date.UTC(2026, 10, 24, 12);
const HOURS: Record<number, number> = { 0.25: 15, 1: 60, 24: 24, 168: 168, 720: 30 }; // buckets of each preset

/** Answers with the share of buckets that have events, by the length of the range in hours; all time has events. */
function answers(shares: Record<number, number>): Get {
  return async <T>(path: string): Promise<T> => {
    const from = new URL(path, "http://host").searchParams.get("from");
    if (from === null) return { totals: { events: 5 }, buckets: [], series: [] } as T;
    const hours = from.endsWith("m")
      ? -Number.parseInt(from, 10) / 60
      : Math.round((NOW - Date.parse(from)) / 3_600_000);
    const buckets = Array.from({ length: HOURS[hours] ?? 0 }, (_, index) => String(index));
    const filled = buckets.slice(0, Math.round(buckets.length * (shares[hours] ?? 0)));
    return { totals: {}, buckets, series: filled.flatMap((bucket) => [{ bucket }, { bucket }]) } as T;
  };
}

test("the first range is the shortest preset that is not mostly empty", async () => {
  assert.equal((await fittingRange(answers({ 0.25: 1, 1: 1 }), NOW)).id, "15m");
  assert.equal((await fittingRange(answers({ 0.25: 0.2, 1: 0.3, 24: 0.6, 168: 0.9 }), NOW)).id, "24h");
  assert.equal((await fittingRange(answers({ 720: 0.7 }), NOW)).id, "30d");
  assert.equal((await fittingRange(answers({ 168: 0.1 }), NOW)).id, "all");
});

test("without answers or events the first range is an hour", async () => {
  const unavailable: Get = () => Promise.reject(new Error("the service does not answer"));
  assert.equal((await fittingRange(unavailable, NOW)).id, "1h");
  const empty: Get = async <T>() => ({ totals: { events: 0 }, buckets: [], series: [] }) as T;
  assert.equal((await fittingRange(empty, NOW)).id, "1h");
});
