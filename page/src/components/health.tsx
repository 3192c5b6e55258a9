// The health of the pipeline: a dot and a few words, with details on click.

import type { ComponentChildren, JSX } from "preact";
import type { Status } from "../api/contract.ts";
import { count, many, rate } from "../format/numbers.ts";
import { dayAndTime } from "../format/times.ts";
import { useModel } from "../model.ts";

const SHOWN_LAG = 1; // s: a shorter lag is not mentioned
const LATE = 5; // s: a longer lag is a warning
const DETAILS_ID = "health-details";

export function Health(): JSX.Element {
  const status = useModel().status.status.value;
  const { tone, text } = summarize(status);
  const failed = status?.failed_projections ?? [];
  return (
    <>
      <button type="button" class="health" data-tone={tone} popovertarget={DETAILS_ID} title="Pipeline details">
        <span class="pill" data-tone={tone}>
          <span class="dot" />
        </span>
        <span class="health-text" data-testid="lag">
          {text}
          {status?.parked ? ` · ${count(status.parked)} parked` : ""}
          {failed.length > 0 && ` · ${many(failed.length, "projection")} stopped`}
        </span>
      </button>
      <Details status={status} />
    </>
  );
}

function summarize(status: Status | null | undefined): { tone: "live" | "wait" | "bad" | "unknown"; text: string } {
  if (status === undefined) return { tone: "unknown", text: "…" };
  if (status === null) return { tone: "bad", text: "Status unknown" };
  // the details of a problem are in a notice
  if (status.problem) return { tone: "bad", text: status.problem.message.split(/: |; /, 1)[0] ?? "" };
  if (status.lag_events === null) return { tone: "wait", text: "Lag unknown" };
  const seconds = status.lag_seconds ?? 0;
  const tone = seconds > LATE || status.parked || status.failed_projections?.length ? "wait" : "live";
  if (status.stale) return { tone: "wait", text: `Rebuilding, data as of ${asOf(seconds)}` };
  if (status.lag_events === 0 || seconds < SHOWN_LAG) return { tone, text: "Up to date" };
  return { tone, text: `${many(status.lag_events, "entry", "entries")} behind, ${rate(seconds)} s` };
}

/** When the oldest entry that is not counted was logged. */
function asOf(seconds: number): string {
  const now = Date.now();
  return dayAndTime(now - 1000 * seconds, now);
}

function Details({ status }: { status: Status | null | undefined }): JSX.Element {
  const { stats } = useModel();
  const position = stats.answer.value?.stats.as_of;
  const known = (value: number | null | undefined, text: (value: number) => string): string =>
    value === null || value === undefined ? "unknown" : text(value);
  return (
    <section class="health-details" id={DETAILS_ID} popover="auto" aria-label="Pipeline">
      <h2>Pipeline</h2>
      <dl class="facts">
        <Fact name="Log">{known(status?.last_seq, (seq) => many(seq, "entry", "entries"))}</Fact>
        <Fact name="Lag">
          {known(status?.lag_events, (lag) => `${many(lag, "entry", "entries")}, ${rate(status?.lag_seconds ?? 0)} s`)}
        </Fact>
        <Fact name="Parked">
          {known(status?.parked, count)}
          {status?.parked ? <code>tailrace parked list</code> : null}
        </Fact>
        {status?.failed_projections?.map(({ name, version, error }) => (
          <Fact name={`Projection ${name}, version ${version}`} key={`${name} ${version}`}>
            stopped: {error}
          </Fact>
        ))}
        <Fact name="Counted up to">
          <code>{position?.cursor ?? "nothing yet"}</code>
        </Fact>
        <Fact name="Live clients">{known(status?.live_clients, count)}</Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
