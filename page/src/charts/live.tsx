// Events of the stream over time, by type: of the last minute, or around the time of the replay.

import type { JSX } from "preact";
import { Legend } from "../components/legend.tsx";
import { count, many, rate } from "../format/numbers.ts";
import { dayAndTime, duration, hourAndMinute, timeOfDay } from "../format/times.ts";
import { useModel } from "../model.ts";
import type { RateView } from "../stream/rates.ts";
import { layers } from "../view/colours.ts";
import { Figure } from "./figure.tsx";
import type { Tick } from "./ticks.ts";

export function LivePanel(): JSX.Element {
  const { stream } = useModel();
  const view = stream.rates.value;
  const replay = stream.isReplay.value;
  const rateNow = stream.rate.value;
  const size = view.totals.length;
  const most = Math.max(0, ...view.totals);
  const each = view.width === 1000 ? "second" : duration(view.width);
  const started = view.newest > 0 && (!replay || stream.replayTime.value !== null);
  const title = (index: number): string => {
    const start = startOfBar(view, index);
    return view.width === 1000
      ? dayAndTime(start, Date.now())
      : `${dayAndTime(start, Date.now())} – ${timeOfDay(start + view.width)}`;
  };
  const total = view.totals.reduce((sum, one) => sum + one, 0);
  const span = replay ? `the last ${duration(size * view.width)} of the replay` : `the last ${size} seconds`;
  return (
    <section class="panel live" aria-labelledby="live-title">
      <header class="panel-head">
        <h2 id="live-title">
          Events per {each}
          {replay && <span class="tag">replay</span>}
        </h2>
        <p class="figure-number">
          <strong>{started && rateNow !== null ? rate(rateNow) : "–"}</strong> per second{replay && " at that time"}
        </p>
      </header>
      <Figure
        name="Events now"
        summary={`Events per ${each} in ${span}, stacked by type: ${count(total)} in total, at most ${count(most)} per ${each}.`}
        data={{
          size,
          layers: layers(view.byType),
          ticks: (width) => (started ? ticks(view, replay, width < 420 ? 30 : 15) : []),
          title,
          partial: [],
          marker: null,
        }}
        empty={total === 0 && started ? `No events in ${span}.` : null}
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
  const clock = view.width < 60_000 ? timeOfDay : hourAndMinute;
  return labelled.map((index) => ({
    index,
    label: [replay ? clock(startOfBar(view, index)) : index === last ? "now" : `−${last - index} s`],
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
      <caption class="unseen">Events per {each}, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col" class="number">
            Events
          </th>
        </tr>
      </thead>
      <tbody>
        {indexes.map((index) => (
          <tr key={index}>
            <th scope="row">{title(index)}</th>
            <td class="number" title={many(view.totals[index] ?? 0, "event")}>
              {count(view.totals[index] ?? 0)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
