// The range in a few numbers, beside those of the period before.

import type { JSX } from "preact";
import { count, difference, headline, rate } from "../format/numbers.ts";
import { endOf } from "../stats/buckets.ts";
import { incomparable, type Known, known, outdated } from "../stats/store.ts";

const MINUTE = 60_000;

interface Figure {
  name: string;
  value: number | null;
  before: number | null;
  format: (value: number) => string;
}

export function Totals(): JSX.Element {
  const found = known.value;
  return (
    <dl class="totals" data-outdated={outdated.value}>
      {figures(found).map((figure) => (
        <div class="total" key={figure.name}>
          <dt>{figure.name}</dt>
          <dd>
            <span class="total-value">{figure.value === null ? "–" : figure.format(figure.value)}</span>
            <Before {...figure} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Before({ value, before, format }: Figure): JSX.Element {
  // a space keeps the line where it is
  if (value === null || before === null) return <span class="total-before">{"\u00a0"}</span>;
  const change = difference(value, before);
  return (
    <span class="total-before" title={`${format(before)} in the period before`}>
      {change === null ? "none before" : `${change} against ${format(before)} before`}
    </span>
  );
}

function figures(found: Known | null): Figure[] {
  const now = found?.stats.totals;
  const before = found?.stats.previous?.totals;
  const minutes = (found && lengthOf(found)) ?? null;
  return [
    { name: "Events", value: now?.events ?? null, before: before?.events ?? null, format: headline },
    { name: "Unique users", value: now?.users ?? null, before: before?.users ?? null, format: headline },
    {
      name: "Events per user",
      value: ratio(now?.events, now?.users),
      before: ratio(before?.events, before?.users),
      format: rate,
    },
    {
      name: "Events per minute",
      value: ratio(now?.events, minutes),
      before: ratio(before?.events, minutes),
      format: rate,
    },
  ];
}

/** Minutes from the range's beginning to its end; of all there is, from the first bucket on. */
function lengthOf({ stats, at }: Known): number | null {
  if (stats.from !== null && stats.to !== null) return (Date.parse(stats.to) - Date.parse(stats.from)) / MINUTE;
  const starts = stats.buckets.map((text) => Date.parse(text));
  const [first, last] = [starts[0], starts.length - 1];
  if (first === undefined) return null;
  return Math.max(1, (Math.min(at, endOf(starts, last, stats.bucket)) - first) / MINUTE);
}

function ratio(part: number | null | undefined, whole: number | null | undefined): number | null {
  return part === undefined || part === null || !whole ? null : part / whole;
}

/** Where the numbers stand. */
export function AsOf({ found }: { found: Known }): JSX.Element {
  const { late_pending: late } = found.stats.as_of;
  const why = incomparable.value;
  return (
    <>
      {late > 0 && <p class="late">{count(late)} late events are not in the series yet.</p>}
      {why !== null && <p class="late">The period before can't be compared with: {why}.</p>}
    </>
  );
}
