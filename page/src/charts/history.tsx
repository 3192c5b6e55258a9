// Events of the range over time, by type, or unique users. A click on a bar replays from there.

import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { Segments } from "../components/segments.tsx";
import { count, many } from "../format/numbers.ts";
import { bucketName, dayAndTime } from "../format/times.ts";
import { useModel } from "../model.ts";
import { asTable, mainRequest } from "../stats/requests.ts";
import { endOf, type Series } from "../stats/series.ts";
import { layers } from "../view/colours.ts";
import { ALL_TIME } from "../view/ranges.ts";
import { Figure } from "./figure.tsx";
import { Scrubber } from "./scrubber.tsx";
import { timeTicks } from "./ticks.ts";

const EMPTY: Series = {
  bucket: "minute",
  starts: [],
  byType: new Map(),
  others: null,
  totals: [],
  users: null,
  cutFirst: false,
  cutLast: false,
};

export function HistoryChart(): JSX.Element {
  const { stats, stream, time, view } = useModel();
  const found = stats.series.value ?? EMPTY;
  const { bucket, starts, totals, byType, others } = found;
  // until the users have arrived, the events stay
  const users = stats.showsUsers.value ? found.users : null;
  const shown = users ?? totals;
  const name = (index: number): string => bucketName(starts[index] ?? 0, bucket);
  const marker = useComputed(() =>
    markerAt(stats.series.value ?? EMPTY, view.scrubbed.value ?? stream.replayTime.value),
  );
  const partial = [...(found.cutFirst ? [0] : []), ...(found.cutLast ? [starts.length - 1] : [])];
  const total = totals.reduce((sum, one) => sum + one, 0);
  const peak = shown.indexOf(Math.max(...shown));
  const most = `most in ${name(peak)}: ${count(shown[peak] ?? 0)}.`;
  const what = users ? `Unique users per ${bucket}` : `Events per ${bucket}`;
  const phrase = stats.answer.value?.question.range.phrase ?? "";
  // the chart shows event times
  const replayFrom = (index: number): void =>
    stream.replay(new Date(starts[index] ?? 0).toISOString(), { speed: view.pace.value.speed, clock: "event" });
  return (
    <Figure
      name="Events"
      summary={
        total
          ? `${what} ${phrase}${users ? "" : `, stacked by type: ${count(total)} in total`}, ${most}`
          : `No events ${phrase}.`
      }
      data={{
        size: starts.length,
        layers: users ? [{ type: null, name: "unique users", values: users }] : layers(byType, others),
        ticks: (width) => timeTicks(starts, bucket, Math.max(2, Math.floor(width / 80))),
        title: name,
        partial,
        marker: marker.value,
      }}
      empty={stats.answer.value ? total === 0 && <EmptyRange phrase={phrase} /> : stats.failure.value && "No data yet."}
      pick={replayFrom}
      zoom={(first, last) => view.zoomIn(starts[first] ?? 0, endOf(starts, last, bucket))}
      below={
        <div class="scrubber-place">
          {total > 0 && <Scrubber from={starts[0] ?? 0} to={endOf(starts, starts.length - 1, bucket)} />}
        </div>
      }
      table={() => <HistoryTable found={found} users={users} name={name} replayFrom={replayFrom} />}
    >
      <span>{stats.answer.value ? `${what}. Click a bar to replay from there, drag to zoom.` : "\u00a0"}</span>
      <Segments
        label="Bars"
        options={[false, true]}
        chosen={stats.showsUsers.value}
        name={(ofUsers) => (ofUsers ? "Unique users" : "Events")}
        choose={(ofUsers) => {
          stats.showsUsers.value = ofUsers;
        }}
      />
      {stats.question && (
        <a class="link" href={asTable(mainRequest(stats.question, false, stats.showsUsers.value, time.now()))} download>
          CSV
        </a>
      )}
    </Figure>
  );
}

/** Tells that the range is empty, and when the newest event happened. */
function EmptyRange({ phrase }: { phrase: string }): JSX.Element {
  const { stats, view } = useModel();
  const at = stats.outdated.value ? null : stats.newest.value;
  return (
    <>
      <span>No events {phrase}.</span>
      {at !== null && (
        <>
          <span>The newest event is from {dayAndTime(at, Date.now())}.</span>
          <button
            type="button"
            class="button small"
            onClick={() => {
              view.chooseRange(ALL_TIME);
            }}
          >
            Show all
          </button>
        </>
      )}
    </>
  );
}

/** Returns the position of a time in bars from the left; null: outside. */
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
  /** Per bucket; null: not shown. */
  users: number[] | null;
  name: (index: number) => string;
  replayFrom: (index: number) => void;
}

function HistoryTable({ found, users, name, replayFrom }: TableProps): JSX.Element {
  const indexes = [...found.starts.keys()].reverse();
  return (
    <table>
      <caption class="unseen">Events per {found.bucket}, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col" class="number">
            Events
          </th>
          {users && (
            <th scope="col" class="number">
              Unique users
            </th>
          )}
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
            {users && <td class="number">{count(users[index] ?? 0)}</td>}
            <td>
              <button
                type="button"
                class="link"
                aria-label={`Replay from ${name(index)}`}
                onClick={() => replayFrom(index)}
              >
                Replay
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
