// Now, or a moment of the past at some speed.

import { useSignal } from "@preact/signals";
import type { JSX, TargetedSubmitEvent } from "preact";
import type { Clock } from "../contract.ts";
import { day, duration, fromInput, timeOfDay, toInput } from "../format/times.ts";
import { now } from "../state/now.ts";
import { ahead, serviceNow } from "../state/service_time.ts";
import { SPEEDS } from "../state/url.ts";
import { pace } from "../state/view.ts";
import { changePace, replay, togglePause } from "../stream/control.ts";
import { speedName } from "../stream/headline.ts";
import type { Speed } from "../stream/request.ts";
import { isReplay, paused, streamTime, usualPace } from "../stream/store.ts";
import { Icon } from "./icons.tsx";
import { Segments } from "./segments.tsx";

const MINUTE = 60_000;
const CHOICES = [
  { label: "5 min ago", ago: 5 * MINUTE },
  { label: "1 hour ago", ago: 60 * MINUTE },
  { label: "Yesterday", ago: 24 * 60 * MINUTE },
];

export function TimeMachine(): JSX.Element {
  const open = useSignal(false);
  const past = isReplay.value;
  function begin(moment: number): void {
    open.value = false; // on a phone it covers what is to be watched
    replay(new Date(moment).toISOString(), usualPace());
  }
  return (
    <section class="machine" aria-label="Time machine" data-past={past}>
      <button type="button" class="button pause" onClick={togglePause} title="Space">
        <Icon name={paused.value ? "play" : "pause"} />
        {paused.value ? "Resume" : "Pause"}
      </button>
      <StreamTime />
      <button
        type="button"
        class="button rewind"
        aria-expanded={open.value}
        aria-controls="machine-controls"
        onClick={() => {
          open.value = !open.value;
          if (open.value) scrollTo({ top: 0 }); // open, it doesn't stay in sight
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
              title={`Replay from ${label.toLowerCase()}${label === "Yesterday" ? ", this time" : ""}`}
              onClick={() => begin(serviceNow() - ago)}
            >
              {label}
            </button>
          ))}
        </div>
        <MomentForm begin={begin} />
        <Segments<Speed>
          label="Speed"
          options={SPEEDS.includes(pace.value.speed) ? SPEEDS : [pace.value.speed, ...SPEEDS]}
          chosen={pace.value.speed}
          name={(speed) => (speed === "max" ? "Max" : `${speed}×`)}
          choose={(speed) => changePace({ ...pace.value, speed })}
        />
        <select
          class="by"
          aria-label="What sets the pace"
          value={pace.value.clock}
          title="What sets the pace of a replay: when the log took the events, or when they happened"
          onChange={(event) => changePace({ ...pace.value, clock: event.currentTarget.value as Clock })}
        >
          <option value="log">by arrival</option>
          <option value="event">by event time</option>
        </select>
      </div>
    </section>
  );
}

/** What time it is in the stream. */
function StreamTime(): JSX.Element {
  const past = isReplay.value;
  const shown = past ? streamTime.value : now.value;
  return (
    <p class="stream-time" data-testid="stream-time">
      <span class="stream-time-label">{past ? `The past, ${speedName(pace.value.speed)}` : "Now"}</span>
      <time class="stream-time-clock" dateTime={shown === null ? undefined : new Date(shown).toISOString()}>
        {shown === null ? "––:––:––" : timeOfDay(shown)}
      </time>
      <span class="stream-time-day">
        {shown === null ? "\u00a0" : day(shown)}
        {past && shown !== null && `, ${duration(now.value + ahead.value - shown)} ago`}
      </span>
    </p>
  );
}

function MomentForm({ begin }: { begin: (moment: number) => void }): JSX.Element {
  const wanted = useSignal(toInput(serviceNow() - 10 * MINUTE));
  const fault = useSignal<string | null>(null);
  function submit(event: TargetedSubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    const moment = fromInput(wanted.value);
    if (Number.isNaN(moment)) fault.value = "Choose a day and a time.";
    else if (moment >= serviceNow()) fault.value = "That has not happened yet.";
    else {
      fault.value = null;
      begin(moment);
    }
  }
  return (
    <form class="moment" onSubmit={submit} noValidate>
      <label class="unseen" for="moment">
        Replay from this moment
      </label>
      <input
        id="moment"
        type="datetime-local"
        step="1"
        value={wanted.value}
        aria-invalid={fault.value !== null}
        aria-describedby={fault.value ? "moment-fault" : undefined}
        onInput={(event) => {
          wanted.value = event.currentTarget.value;
          fault.value = null;
        }}
      />
      <button type="submit" class="button">
        Replay
      </button>
      {fault.value && (
        <p class="fault" id="moment-fault" role="alert">
          {fault.value}
        </p>
      )}
    </form>
  );
}
