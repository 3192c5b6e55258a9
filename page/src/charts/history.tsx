// Events over a range, by type, as the read model has them. A bar is also a place to replay from.

import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { count, many } from "../format/numbers.ts";
import { bucketName, moment } from "../format/times.ts";
import { slices } from "../state/colours.ts";
import { pace, range } from "../state/view.ts";
import { endOf, type Series } from "../stats/buckets.ts";
import { EVERYTHING } from "../stats/ranges.ts";
import { failure, known, newest, outdated, series } from "../stats/store.ts";
import { replay } from "../stream/control.ts";
import { streamTime } from "../stream/store.ts";
import { Figure } from "./figure.tsx";
import { timeTicks } from "./ticks.ts";

const NOTHING: Series = {
  bucket: "minute",
  starts: [],
  byType: new Map(),
  totals: [],
  cutFirst: false,
  cutLast: false,
};

export function HistoryChart(): JSX.Element {
  const found = series.value ?? NOTHING;
  const { bucket, starts, totals, byType } = found;
  const name = (index: number): string => bucketName(starts[index] ?? 0, bucket);
  const marker = useComputed(() => markerAt(series.value ?? NOTHING, streamTime.value));
  const partial = [...(found.cutFirst ? [0] : []), ...(found.cutLast ? [starts.length - 1] : [])];
  const total = totals.reduce((sum, one) => sum + one, 0);
  const peak = totals.indexOf(Math.max(...totals));
  const phrase = known.value?.range.phrase ?? "";
  // the chart is of when events happened, whenever the log took them
  const from = (index: number): void =>
    replay(new Date(starts[index] ?? 0).toISOString(), { speed: pace.value.speed, clock: "event" });
  return (
    <Figure
      name="Events"
      summary={
        total
          ? `Events per ${bucket} ${phrase}, stacked by type: ${count(total)} in all, most in ${name(peak)}: ${count(totals[peak] ?? 0)}.`
          : `No events ${phrase}.`
      }
      data={{
        size: starts.length,
        slices: slices(byType),
        ticks: (width) => timeTicks(starts, bucket, Math.max(2, Math.floor(width / 80))),
        title: name,
        partial,
        marker: marker.value,
      }}
      empty={known.value ? total === 0 && <Elsewhere phrase={phrase} /> : failure.value && "Nothing to show yet."}
      pick={from}
      table={() => <HistoryTable found={found} name={name} from={from} />}
    >
      <span>{known.value ? `Events per ${bucket}. Click a bar to replay from there.` : "\u00a0"}</span>
    </Figure>
  );
}

/** Says that nothing is in the range, and where something is. */
function Elsewhere({ phrase }: { phrase: string }): JSX.Element {
  const at = outdated.value ? null : newest.value;
  return (
    <>
      <span>No events {phrase}.</span>
      {at !== null && (
        <>
          <span>The newest is of {moment(at, Date.now())}.</span>
          <button
            type="button"
            class="button small"
            onClick={() => {
              range.value = EVERYTHING;
            }}
          >
            Show all
          </button>
        </>
      )}
    </>
  );
}

/** Where a moment is, in bars from the left; null: outside. */
function markerAt({ starts, bucket }: Series, at: number | null): number | null {
  if (at === null) return null;
  const index = starts.findLastIndex((start) => start <= at);
  const start = starts[index];
  if (start === undefined) return null;
  const end = endOf(starts, index, bucket);
  return at < end ? index + (at - start) / (end - start) : null;
}

interface TableProps {
  found: Series;
  name: (index: number) => string;
  from: (index: number) => void;
}

function HistoryTable({ found, name, from }: TableProps): JSX.Element {
  const indexes = [...found.starts.keys()].reverse();
  return (
    <table>
      <caption class="unseen">Events per {found.bucket}, newest first</caption>
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col" class="number">
            Events
          </th>
          <th scope="col">
            <span class="unseen">Replay</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {indexes.map((index) => (
          <tr key={found.starts[index]}>
            <th scope="row">{name(index)}</th>
            <td class="number" title={many(found.totals[index] ?? 0, "event")}>
              {count(found.totals[index] ?? 0)}
            </td>
            <td>
              <button type="button" class="link" aria-label={`Replay from ${name(index)}`} onClick={() => from(index)}>
                Replay
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
