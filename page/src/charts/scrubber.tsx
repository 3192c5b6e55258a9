// A slider below the chart: dragging it moves the replay through the range.

import type { JSX } from "preact";
import { dayAndTime } from "../format/times.ts";
import { useModel } from "../model.ts";

const STEPS = 500;

/** `from` and `to` are the ends of the chart, ms. */
export function Scrubber({ from, to }: { from: number; to: number }): JSX.Element {
  const { stream, time, view } = useModel();
  const now = Math.min(to, time.second.value + time.offset.value);
  const at = view.scrubbed.value ?? stream.replayTime.value ?? now;
  function release(moved: number): void {
    view.scrubbed.value = null;
    if (moved >= now) stream.goLive();
    else stream.replay(new Date(moved).toISOString(), { speed: view.pace.value.speed, clock: "event" });
  }
  return (
    <input
      type="range"
      class="scrubber"
      aria-label="Time in the range"
      aria-valuetext={view.scrubbed.value === null && !stream.isReplay.value ? "Live" : dayAndTime(at, Date.now())}
      title="Drag to replay from there"
      min={from}
      max={to}
      step={Math.max(1_000, Math.round((to - from) / STEPS / 1_000) * 1_000)}
      value={Math.max(from, Math.min(to, at))}
      onInput={(event) => {
        view.scrubbed.value = Number(event.currentTarget.value);
      }}
      onChange={(event) => release(Number(event.currentTarget.value))}
    />
  );
}
