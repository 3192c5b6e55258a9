// The range by event type. A type is a filter.

import type { JSX } from "preact";
import { count, many, percent } from "../format/numbers.ts";
import { useModel } from "../model.ts";
import { matches } from "../view/patterns.ts";
import { AllUsers } from "./filter.tsx";
import { Swatch, useToggleType } from "./legend.tsx";

export function TypesPanel(): JSX.Element {
  const { stats, view } = useModel();
  const toggleType = useToggleType();
  const types = stats.types.value;
  const others = stats.otherTypes.value;
  const total = types?.reduce((sum, type) => sum + type.events, others?.events ?? 0) ?? 0;
  const chosen = view.selection.value.types;
  return (
    <section class="panel breakdown" aria-labelledby="types-title">
      <header class="panel-head">
        <h2 id="types-title">
          By type
          <AllUsers />
        </h2>
        <p class="hint">Select a type to filter</p>
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
      {others && (
        <p class="rest">
          {many(others.events, "event")} of {many(others.types, "other type")}
          {others.users !== null && <> · {many(others.users, "user")}</>}
        </p>
      )}
      <Empty when={types !== null && types.length === 0} />
    </section>
  );
}

export function Bar({ share }: { share: number }): JSX.Element {
  return (
    <span class="bar" aria-hidden="true">
      <span style={{ width: `${(share * 100).toFixed(1)}%` }} />
    </span>
  );
}

export function Empty({
  when,
  text = "No events in this range.",
}: {
  when: boolean;
  text?: string;
}): JSX.Element | null {
  return when ? <p class="nothing">{text}</p> : null;
}
