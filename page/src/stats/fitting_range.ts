// The range to show first: the shortest preset that is not mostly empty.

import type { Stats } from "../api/contract.ts";
import type { Get } from "../api/http.ts";
import { ALL_TIME, DEFAULT_PRESET, PRESETS, type Range } from "../view/ranges.ts";
import { densityRequest } from "./requests.ts";

const FILLED = 0.5; // share of buckets with events

/** Returns all time if every preset is mostly empty, and the default if there are no events or no answers. */
export async function fittingRange(get: Get, now: number): Promise<Range> {
  const answers = await Promise.all(
    PRESETS.map(async (range) => {
      try {
        return { range, stats: await get<Stats>(densityRequest(range, now)) };
      } catch {
        return null;
      }
    }),
  );
  for (const answer of answers) {
    if (answer && answer.range.ms !== null && filled(answer.stats) >= FILLED) return answer.range;
  }
  const all = answers.find((answer) => answer?.range === ALL_TIME);
  return all && all.stats.totals.events > 0 ? ALL_TIME : DEFAULT_PRESET;
}

function filled({ buckets, series }: Stats): number {
  return buckets.length ? new Set(series.map(({ bucket }) => bucket)).size / buckets.length : 0;
}
