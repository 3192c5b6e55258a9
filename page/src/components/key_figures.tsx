// The key figures of the range, with their change from the period before.

import type { JSX } from "preact";
import { count, difference, headline, rate } from "../format/numbers.ts";
import { dayAndTime } from "../format/times.ts";
import { useModel } from "../model.ts";
import { endOf } from "../stats/series.ts";
import type { Answer } from "../stats/stats.ts";
import { MINUTE } from "../view/ranges.ts";

interface Figure {
  name: string;
  value: number | null;
  before: number | null;
  format: (value: number) => string;
}

export function KeyFigures(): JSX.Element {
  const { answer, outdated } = useModel().stats;
  return (
    <dl class="key-figures" data-outdated={outdated.value}>
      {figures(answer.value).map((figure) => (
        <div class="key-figure" key={figure.name}>
          <dt>{figure.name}</dt>
          <dd>
            <span class="key-figure-value">{figure.value === null ? "–" : figure.format(figure.value)}</span>
            <Change {...figure} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Change({ value, before, format }: Figure): JSX.Element {
  // a space reserves the line
  if (value === null || before === null) return <span class="key-figure-change">{"\u00a0"}</span>;
  const change = difference(value, before);
  return (
    <span class="key-figure-change" title={`${format(before)} in the period before`}>
      {change === null ? "none before" : `${change} from ${format(before)}`}
    </span>
  );
}

function figures(answer: Answer | null): Figure[] {
  const now = answer?.stats.totals;
  // not all events of either period may have been counted
  const before = answer?.stats.matching?.partial ? undefined : answer?.stats.previous?.totals;
  const minutes = answer && minutesWithData(answer);
  const range = answer?.question.range.ms ?? null;
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
      before: ratio(before?.events, range === null ? null : range / MINUTE),
      format: rate,
    },
  ];
}

/** Returns the minutes from the first bucket with events to the end of the range, or to now. */
function minutesWithData({ stats, at }: Answer): number | null {
  const first = stats.series[0];
  if (first === undefined) return null;
  const starts = stats.buckets.map((text) => Date.parse(text));
  const from = Math.max(Date.parse(first.bucket), stats.from === null ? 0 : Date.parse(stats.from));
  const end = stats.to === null ? endOf(starts, starts.length - 1, stats.bucket) : Date.parse(stats.to);
  return Math.max(1, (Math.min(at, end) - from) / MINUTE);
}

function ratio(part: number | null | undefined, whole: number | null | undefined): number | null {
  return part === undefined || part === null || !whole ? null : part / whole;
}

/** What the numbers do not include. */
export function Missing({ answer }: { answer: Answer }): JSX.Element {
  const { late_pending: late } = answer.stats.as_of;
  const why = useModel().stats.comparisonFailure.value;
  const { matching } = answer.stats;
  return (
    <>
      {matching?.partial && matching.counted_from !== null && (
        <p class="late">
          With a filter on a property only the newest events are counted, from{" "}
          {dayAndTime(Date.parse(matching.counted_from), Date.now())} on.
        </p>
      )}
      {late > 0 && <p class="late">{count(late)} late events are not counted yet.</p>}
      {why !== null && <p class="late">No comparison with the period before: {why}.</p>}
    </>
  );
}
