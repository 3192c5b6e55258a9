// The range: its limits, its key figures and its chart.

import type { JSX } from "preact";
import { HistoryChart } from "../charts/history.tsx";
import { timeOfDay } from "../format/times.ts";
import { useModel } from "../model.ts";
import { AllUsers } from "./filter.tsx";
import { Icon } from "./icons.tsx";
import { KeyFigures, Missing } from "./key_figures.tsx";
import { RangePicker } from "./range_picker.tsx";

export function Overview(): JSX.Element {
  const { stats } = useModel();
  return (
    <section class="panel overview" aria-labelledby="overview-title">
      <header class="panel-head">
        <h2 id="overview-title">
          Overview
          <AllUsers />
        </h2>
        <RangePicker />
      </header>
      <Failure />
      <KeyFigures />
      <HistoryChart />
      {stats.answer.value && <Missing answer={stats.answer.value} />}
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
