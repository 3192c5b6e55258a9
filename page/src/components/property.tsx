// The range by the values of a property. A value is a filter.

import type { JSX } from "preact";
import { plain } from "../api/json.ts";
import { count, many, percent } from "../format/numbers.ts";
import { dayAndTime } from "../format/times.ts";
import { useModel } from "../model.ts";
import { breakdownBy, readyBreakdowns } from "../stats/breakdowns.ts";
import { asTable, breakdownRequest } from "../stats/requests.ts";
import type { Values } from "../stats/stats.ts";
import { toggled } from "../view/patterns.ts";
import { conditionOf, shortName } from "../view/where.ts";
import { Bar, Empty } from "./breakdown.tsx";
import { AllUsers } from "./filter.tsx";

const MOST_EXPORTED = 100;

export function PropertyPanel(): JSX.Element {
  const { stats, time } = useModel();
  const { breakdown, question } = stats;
  const values = stats.values.value;
  return (
    <section class="panel breakdown" aria-labelledby="property-title">
      <header class="panel-head">
        <h2 id="property-title">
          Top values
          <AllUsers />
        </h2>
        <div class="breakdown-tools">
          {question && (
            <a
              class="link"
              href={asTable(breakdownRequest(question, breakdown.value, MOST_EXPORTED, time.now()))}
              download
            >
              CSV
            </a>
          )}
          <PropertyChoice />
        </div>
      </header>
      {values && <ValuesTable {...values} />}
      {values?.top && <Rest {...values} />}
      {values?.failure ? (
        <p class="nothing">
          {values.failure.final ? "Not available for this range" : "The last request failed"}: {values.failure.reason}.
        </p>
      ) : (
        <Empty when={values?.top?.values.length === 0} text="No event has a value." />
      )}
    </section>
  );
}

function PropertyChoice(): JSX.Element {
  const { stats, view } = useModel();
  const found = stats.properties.value;
  const ready = readyBreakdowns(found);
  const chosen = stats.breakdown.value;
  const names = found?.properties.map(({ name }) => name) ?? [];
  // what a link names may not occur
  const others = [...ready.map(({ id }) => id), ...names].includes(chosen.id) ? [] : [chosen];
  const properties = [...names.map(breakdownBy), ...others].sort((one, other) => one.label.localeCompare(other.label));
  return (
    <select
      class="by"
      aria-label="Property"
      value={chosen.id}
      title={found ? `Properties of the ${many(found.sampled, "newest event")} of this range` : undefined}
      onChange={(event) => {
        view.breakdown.value = event.currentTarget.value;
      }}
    >
      {ready.length > 0 && (
        <optgroup label="Web requests">
          {ready.map(({ id, label }) => (
            <option key={id} value={id}>
              {label}
            </option>
          ))}
        </optgroup>
      )}
      <optgroup label="Properties">
        {properties.map(({ id, label }) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </optgroup>
    </select>
  );
}

function ValuesTable({ breakdown, top }: Values): JSX.Element {
  const { stats, stream, view } = useModel();
  const shown = top?.values ?? [];
  const total = shown.reduce((sum, { events }) => sum + events, top?.other ?? 0);
  const selection = view.selection.value;
  return (
    <table class="bars" data-outdated={stats.valuesOutdated.value}>
      <thead class="unseen">
        <tr>
          <th scope="col">{breakdown.label}</th>
          <th scope="col">Events</th>
          <th scope="col">Share</th>
          <th scope="col">Unique users</th>
        </tr>
      </thead>
      <tbody>
        {shown.map(({ value, events, users }) => {
          const condition = conditionOf(breakdown.property, value);
          return (
            <tr key={plain(value)}>
              <th scope="row">
                <button
                  type="button"
                  class="bar-name"
                  title={plain(value)}
                  aria-pressed={selection.where.includes(condition)}
                  onClick={() => stream.select({ ...selection, where: toggled(selection.where, condition) })}
                >
                  <span>{value === "" ? "(empty)" : plain(value)}</span>
                </button>
              </th>
              <td class="number">{count(events)}</td>
              <td class="share">
                <Bar share={events / (shown[0]?.events || 1)} />
                <span>{percent(events, total)}</span>
              </td>
              <td class="number users">{users === null ? "" : many(users, "user")}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** The events that are not among the values. */
function Rest({ breakdown, top }: Values): JSX.Element | null {
  if (top === null || top.values.length === 0) return null;
  return (
    <p class="rest">
      {many(top.other, "event")} with other values · {count(top.missing)} without {shortName(breakdown.property)}
      {top.event_types && <> · Only {top.event_types.join(" and ")}</>}
      {top.partial && top.counted_from !== null && (
        <> · Only the newest events are counted, from {dayAndTime(Date.parse(top.counted_from), Date.now())} on</>
      )}
    </p>
  );
}
