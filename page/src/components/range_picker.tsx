// Chooses the range: a preset, or any interval.

import { useSignal } from "@preact/signals";
import type { JSX, TargetedSubmitEvent } from "preact";
import { fromInput, toInput } from "../format/times.ts";
import { useModel } from "../model.ts";
import { customRange, DAY, PRESETS } from "../view/ranges.ts";
import { Icon } from "./icons.tsx";
import { Segments } from "./segments.tsx";

export function RangePicker(): JSX.Element {
  const { view } = useModel();
  const open = useSignal(false);
  const { unzoomedRange } = view;
  const range = view.range.value;
  return (
    <div class="range">
      {unzoomedRange.value && (
        <button type="button" class="button small" onClick={() => view.zoomOut()}>
          <Icon name="rewind" />
          Back to {unzoomedRange.value.label}
        </button>
      )}
      <Segments
        label="Range"
        options={PRESETS}
        chosen={range}
        name={({ label }) => label}
        short={({ short }) => short}
        choose={(preset) => view.chooseRange(preset)}
      />
      <button
        type="button"
        class="button small"
        aria-expanded={open.value}
        aria-controls="custom-range"
        aria-pressed={range?.limits !== null && range !== null}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        Custom
      </button>
      {open.value && (
        <CustomRange
          close={() => {
            open.value = false;
          }}
        />
      )}
    </div>
  );
}

function CustomRange({ close }: { close: () => void }): JSX.Element {
  const { time, view } = useModel();
  const { limits, ms } = view.range.value ?? { limits: null, ms: DAY };
  const from = useSignal(toInput(limits?.from ?? time.now() - (ms ?? DAY)).slice(0, 16));
  const to = useSignal(toInput(limits?.to ?? time.now()).slice(0, 16));
  const error = useSignal<string | null>(null);
  function apply(event: TargetedSubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    const [start, end] = [fromInput(from.value), fromInput(to.value)];
    if (Number.isNaN(start) || Number.isNaN(end)) error.value = "Enter a start and an end.";
    else if (start >= end) error.value = "The start must be before the end.";
    else {
      view.chooseRange(customRange(start, end));
      close();
    }
  }
  return (
    <form class="range-form" id="custom-range" onSubmit={apply} noValidate>
      <Limit label="From" text={from} invalid={error.value !== null} />
      <Limit label="To" text={to} invalid={error.value !== null} />
      <button type="submit" class="button primary">
        Apply
      </button>
      {error.value && (
        <p class="field-error" role="alert">
          {error.value}
        </p>
      )}
    </form>
  );
}

function Limit({ label, text, invalid }: { label: string; text: { value: string }; invalid: boolean }): JSX.Element {
  return (
    <label>
      {label}
      <input
        type="datetime-local"
        value={text.value}
        aria-invalid={invalid}
        onInput={(event) => {
          text.value = event.currentTarget.value;
        }}
      />
    </label>
  );
}
