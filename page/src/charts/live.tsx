// How fast the log grows, by type: of the last minute, or of the stretch that is replayed.

import type { JSX } from "preact";
import { Legend } from "../components/legend.tsx";
import { count, many, rate } from "../format/numbers.ts";
import { duration, hourAndMinute, moment, timeOfDay } from "../format/times.ts";
import { slices } from "../state/colours.ts";
import type { RateView } from "../stream/rates.ts";
import { isReplay, rates, speed, streamTime } from "../stream/store.ts";
import { Figure } from "./figure.tsx";
import type { Tick } from "./ticks.ts";

export function LivePanel(): JSX.Element {
  const view = rates.value;
  const replay = isReplay.value;
  const size = view.totals.length;
  const most = Math.max(0, ...view.totals);
  const each = view.width === 1000 ? "second" : duration(view.width);
  const began = view.newest > 0 && (!replay || streamTime.value !== null);
  const title = (index: number): string => {
    const start = startOfBar(view, index);
    return view.width === 1000
      ? moment(start, Date.now())
      : `${moment(start, Date.now())} – ${timeOfDay(start + view.width)}`;
  };
  const total = view.totals.reduce((sum, one) => sum + one, 0);
  const span = replay ? `the ${duration(size * view.width)} before the replay's clock` : `the last ${size} seconds`;
  return (
    <section class="panel live" aria-labelledby="live-title">
      <header class="panel-head">
        <h2 id="live-title">
          Log entries per {each}
          {replay && <span class="tag">replay</span>}
        </h2>
        <p class="figure-number">
          <strong>{began ? rate(speed.value) : "–"}</strong> per second{replay && ", at that time"}
        </p>
      </header>
      <Figure
        name="Log entries"
        summary={`Log entries per ${each} in ${span}, stacked by type: ${count(total)} in all, at most ${count(most)} per ${each}.`}
        data={{
          size,
          slices: slices(view.byType),
          ticks: (width) => (began ? ticks(view, replay, width < 420 ? 30 : 15) : []),
          title,
          partial: [],
          marker: null,
        }}
        empty={total === 0 && began ? `No log entries in ${span}.` : null}
        table={() => <LiveTable view={view} title={title} each={each} />}
      >
        <Legend types={[...view.byType.keys()]} />
      </Figure>
    </section>
  );
}

function startOfBar(view: RateView, index: number): number {
  return view.newest - (view.totals.length - 1 - index) * view.width;
}

function ticks(view: RateView, replay: boolean, apart: number): Tick[] {
  const last = view.totals.length - 1;
  const labelled = Array.from({ length: Math.floor(last / apart) + 1 }, (_, number) => (last % apart) + number * apart);
  return labelled.map((index) => ({
    index,
    label: replay
      ? (view.width < 60_000 ? timeOfDay : hourAndMinute)(startOfBar(view, index))
      : index === last
        ? "now"
        : `−${last - index} s`,
  }));
}

interface TableProps {
  view: RateView;
  title: (index: number) => string;
  each: string;
}

function LiveTable({ view, title, each }: TableProps): JSX.Element {
  const indexes = [...view.totals.keys()].reverse();
  return (
    <table>
      <caption class="unseen">Log entries per {each}, newest first</caption>
      <thead>
        <tr>
          <th scope="col">From</th>
          <th scope="col" class="number">
            Log entries
          </th>
        </tr>
      </thead>
      <tbody>
        {indexes.map((index) => (
          <tr key={index}>
            <th scope="row">{title(index)}</th>
            <td class="number" title={many(view.totals[index] ?? 0, "entry", "entries")}>
              {count(view.totals[index] ?? 0)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
