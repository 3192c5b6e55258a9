import type { JSX } from "preact";
import { HistoryChart } from "../charts/history.tsx";
import { timeOfDay } from "../format/times.ts";
import { useModel } from "../model.ts";
import { RANGES } from "../view/ranges.ts";
import { AllUsers } from "./filter.tsx";
import { Icon } from "./icons.tsx";
import { Segments } from "./segments.tsx";
import { AsOf, Totals } from "./totals.tsx";

export function HistoryPanel(): JSX.Element {
  const { stats, view } = useModel();
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
          chosen={view.range.value}
          name={({ label }) => label}
          short={({ short }) => short}
          choose={(range) => {
            view.range.value = range;
          }}
        />
      </header>
      <Failure />
      <Totals />
      <HistoryChart />
      {stats.answer.value && <AsOf answer={stats.answer.value} />}
    </section>
  );
}

/** Why the numbers are old or missing. */
function Failure(): JSX.Element | null {
  const { answer, failure } = useModel().stats;
  if (failure.value === null) return null;
  return (
    <p class="notice" role="alert">
      <Icon name="warn" />
      <span>
        {answer.value ? `Numbers from ${timeOfDay(answer.value.at)}.` : "No numbers yet."}{" "}
        {failure.value.final
          ? `The service rejects the request: ${failure.value.reason}.`
          : `The last request failed: ${failure.value.reason}. Retrying.`}
      </span>
    </p>
  );
}
