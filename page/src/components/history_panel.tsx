import type { JSX } from "preact";
import { HistoryChart } from "../charts/history.tsx";
import { timeOfDay } from "../format/times.ts";
import { range } from "../state/view.ts";
import { RANGES } from "../stats/ranges.ts";
import { failure, known } from "../stats/store.ts";
import { AllUsers } from "./filter.tsx";
import { Icon } from "./icons.tsx";
import { Segments } from "./segments.tsx";
import { AsOf, Totals } from "./totals.tsx";

export function HistoryPanel(): JSX.Element {
  return (
    <section class="panel history" aria-labelledby="history-title">
      <header class="panel-head">
        <h2 id="history-title">
          History
          <AllUsers />
        </h2>
        <Segments
          label="Range"
          options={RANGES}
          chosen={range.value}
          name={({ label }) => label}
          short={({ short }) => short}
          choose={(wanted) => {
            range.value = wanted;
          }}
        />
      </header>
      <Failure />
      <Totals />
      <HistoryChart />
      {known.value && <AsOf found={known.value} />}
    </section>
  );
}

/** Why the numbers are old, or not there. */
function Failure(): JSX.Element | null {
  if (failure.value === null) return null;
  return (
    <p class="notice" role="alert">
      <Icon name="warn" />
      <span>
        {known.value ? `These numbers are from ${timeOfDay(known.value.at)}.` : "There are no numbers to show."}{" "}
        {failure.value.final
          ? `The service refuses what was asked: ${failure.value.reason}.`
          : `The last try failed: ${failure.value.reason}. It is tried again by itself.`}
      </span>
    </p>
  );
}
