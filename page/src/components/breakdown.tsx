// The range by type, each a filter, and by path.

import type { JSX } from "preact";
import { count, many, percent } from "../format/numbers.ts";
import { plain } from "../json.ts";
import { matches } from "../patterns.ts";
import { selection } from "../state/view.ts";
import { paths, pathsOutdated, typesOfRange } from "../stats/store.ts";
import { AllUsers } from "./filter.tsx";
import { Swatch, toggleType } from "./legend.tsx";

export function TypesPanel(): JSX.Element {
  const types = typesOfRange.value;
  const total = types?.reduce((sum, type) => sum + type.events, 0) ?? 0;
  const chosen = selection.value.types;
  return (
    <section class="panel breakdown" aria-labelledby="types-title">
      <header class="panel-head">
        <h2 id="types-title">
          By type
          <AllUsers />
        </h2>
        <p class="hint">choose one to see it alone</p>
      </header>
      <table class="bars">
        <thead class="unseen">
          <tr>
            <th scope="col">Type</th>
            <th scope="col">Events</th>
            <th scope="col">Share</th>
            <th scope="col">Unique users</th>
          </tr>
        </thead>
        <tbody>
          {types?.map(({ event_type: type, events, users }) => (
            <tr key={type} data-chosen={chosen.length === 0 || matches(chosen, type)}>
              <th scope="row">
                <button
                  type="button"
                  class="bar-name"
                  aria-pressed={chosen.length > 0 && matches(chosen, type)}
                  onClick={() => toggleType(type)}
                >
                  <Swatch type={type} />
                  <span>{type}</span>
                </button>
              </th>
              <td class="number">{count(events)}</td>
              <td class="share">
                <Bar share={events / (types[0]?.events || 1)} />
                <span>{percent(events, total)}</span>
              </td>
              <td class="number users" title={users === null ? undefined : many(users, "user")}>
                {users === null ? "" : many(users, "user")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Nothing there={types !== null && types.length === 0} />
    </section>
  );
}

export function PathsPanel(): JSX.Element {
  const found = paths.value;
  const top = found?.top;
  const with_ = (found?.events ?? 0) - (top?.missing ?? 0);
  return (
    <section class="panel breakdown" aria-labelledby="paths-title">
      <header class="panel-head">
        <h2 id="paths-title">
          Top paths
          <AllUsers />
        </h2>
        <p class="hint">
          by <code>event_data.path</code>
        </p>
      </header>
      <table class="bars" data-outdated={pathsOutdated.value}>
        <thead class="unseen">
          <tr>
            <th scope="col">Path</th>
            <th scope="col">Events</th>
            <th scope="col">Share</th>
          </tr>
        </thead>
        <tbody>
          {top?.values.map(({ value, events: times }) => (
            <tr key={plain(value)}>
              <th scope="row">
                <span class="path" title={plain(value)}>
                  {plain(value)}
                </span>
              </th>
              <td class="number">{count(times)}</td>
              <td class="share">
                <Bar share={times / (top.values[0]?.events || 1)} />
                <span>{percent(times, with_)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {top && top.values.length > 0 && (
        <p class="rest">
          {many(top.other, "event")} with other paths, {count(top.missing)} without a path
        </p>
      )}
      {found?.failure ? (
        <p class="nothing">
          {found.failure.final ? "Not to be had for this range" : "The last try failed"}: {found.failure.reason}.
        </p>
      ) : (
        <Nothing there={top?.values.length === 0} what="No event has a path." />
      )}
    </section>
  );
}

function Bar({ share }: { share: number }): JSX.Element {
  return (
    <span class="bar" aria-hidden="true">
      <span style={{ width: `${(share * 100).toFixed(1)}%` }} />
    </span>
  );
}

function Nothing({ there, what = "No events in this range." }: { there: boolean; what?: string }): JSX.Element | null {
  return there ? <p class="nothing">{what}</p> : null;
}
