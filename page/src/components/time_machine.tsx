// The controls of live and replay.

import { useSignal } from "@preact/signals";
import type { JSX, TargetedSubmitEvent } from "preact";
import type { Clock } from "../api/contract.ts";
import type { Speed } from "../api/live_request.ts";
import { day, duration, fromInput, timeOfDay, toInput } from "../format/times.ts";
import { useModel } from "../model.ts";
import { speedName } from "../stream/headline.ts";
import { HOUR, MINUTE } from "../view/ranges.ts";
import { SPEEDS } from "../view/url.ts";
import { Icon } from "./icons.tsx";
import { Segments } from "./segments.tsx";

const CHOICES = [
  { label: "5 min ago", ago: 5 * MINUTE },
  { label: "1 hour ago", ago: HOUR },
  { label: "Yesterday", ago: 24 * HOUR },
];

export function TimeMachine(): JSX.Element {
  const { stream, time, view } = useModel();
  const { pace } = view;
  const open = useSignal(false);
  const past = stream.isReplay.value;
  function start(at: number): void {
    open.value = false; // on a phone it would cover the tail
    stream.replay(new Date(at).toISOString(), view.nextPace());
  }
  return (
    <section class="machine" aria-label="Time machine" data-past={past}>
      <button type="button" class="button pause" onClick={() => stream.togglePause()} title="Space">
        <Icon name={stream.paused.value ? "play" : "pause"} />
        {stream.paused.value ? "Resume" : "Pause"}
      </button>
      <StreamTime />
      <button
        type="button"
        class="button rewind"
        aria-expanded={open.value}
        aria-controls="machine-controls"
        onClick={() => {
          open.value = !open.value;
          if (open.value) scrollTo({ top: 0 }); // open, it is not sticky
        }}
      >
        <Icon name="rewind" />
        Rewind
      </button>
      <div class="machine-controls" id="machine-controls" data-open={open.value}>
        <div class="choices">
          {CHOICES.map(({ label, ago }) => (
            <button
              type="button"
              class="button"
              key={label}
              title={`Replay from ${label.toLowerCase()}${label === "Yesterday" ? ", same time" : ""}`}
              onClick={() => start(time.now() - ago)}
            >
              {label}
            </button>
          ))}
        </div>
        <StartForm start={start} />
        <Segments<Speed>
          label="Speed"
          options={SPEEDS.includes(pace.value.speed) ? SPEEDS : [pace.value.speed, ...SPEEDS]}
          chosen={pace.value.speed}
          name={(speed) => (speed === "max" ? "Max" : `${speed}×`)}
          choose={(speed) => stream.changePace({ ...pace.value, speed })}
        />
        <select
          class="by"
          aria-label="Replay clock"
          value={pace.value.clock}
          title="The clock of a replay: when events were appended, or when they happened"
          onChange={(event) => stream.changePace({ ...pace.value, clock: event.currentTarget.value as Clock })}
        >
          <option value="log">by log time</option>
          <option value="event">by event time</option>
        </select>
      </div>
    </section>
  );
}

/** The time at which the stream is. */
function StreamTime(): JSX.Element {
  const { stream, time, view } = useModel();
  const past = stream.isReplay.value;
  const shown = past ? stream.replayTime.value : time.second.value;
  return (
    <p class="stream-time" data-testid="stream-time">
      <span class="stream-time-label">{past ? `Replay ${speedName(view.pace.value.speed)}` : "Now"}</span>
      <time class="stream-time-clock" dateTime={shown === null ? undefined : new Date(shown).toISOString()}>
        {shown === null ? "––:––:––" : timeOfDay(shown)}
      </time>
      <span class="stream-time-day">
        {shown === null ? "\u00a0" : day(shown)}
        {past && shown !== null && `, ${duration(time.second.value + time.offset.value - shown)} ago`}
      </span>
    </p>
  );
}

function StartForm({ start }: { start: (at: number) => void }): JSX.Element {
  const { time } = useModel();
  const text = useSignal(toInput(time.now() - 10 * MINUTE));
  const error = useSignal<string | null>(null);
  function submit(event: TargetedSubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    const at = fromInput(text.value);
    if (Number.isNaN(at)) error.value = "Enter a date and a time.";
    else if (at >= time.now()) error.value = "Enter a time in the past.";
    else {
      error.value = null;
      start(at);
    }
  }
  return (
    <form class="start-form" onSubmit={submit} noValidate>
      <label class="unseen" for="replay-start">
        Replay from
      </label>
      <input
        id="replay-start"
        type="datetime-local"
        step="1"
        value={text.value}
        aria-invalid={error.value !== null}
        aria-describedby={error.value ? "start-error" : undefined}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          error.value = null;
        }}
      />
      <button type="submit" class="button">
        Replay
      </button>
      {error.value && (
        <p class="field-error" id="start-error" role="alert">
          {error.value}
        </p>
      )}
    </form>
  );
}
