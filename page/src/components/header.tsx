import type { JSX } from "preact";
import { many, rate } from "../format/numbers.ts";
import { useModel } from "../model.ts";
import { Icon, Mark } from "./icons.tsx";

const SHOWN_LAG = 1; // s: a shorter lag is not mentioned
const LATE = 5; // s: a longer lag is coloured

export function Header(): JSX.Element {
  const { shortcutsOpen, stream, theme } = useModel();
  const dark = theme.name.value === "dark";
  return (
    <header class="top">
      <h1 class="brand">
        <Mark />
        Tailrace
      </h1>
      <ConnectionState />
      {stream.isReplay.value && (
        <button type="button" class="button small primary now" onClick={() => stream.goLive()} title="Esc">
          <Icon name="now" />
          Back to live
        </button>
      )}
      <TablesState />
      <div class="top-tools">
        <button
          type="button"
          class="icon-button"
          aria-label={dark ? "Use light theme" : "Use dark theme"}
          title={dark ? "Light theme" : "Dark theme"}
          onClick={() => theme.toggle()}
        >
          <Icon name={dark ? "sun" : "moon"} />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Keyboard shortcuts"
          title="Keyboard shortcuts"
          onClick={() => {
            shortcutsOpen.value = true;
          }}
        >
          <Icon name="keys" />
        </button>
      </div>
    </header>
  );
}

/** Returns a problem without its details, which ProblemNotice shows. */
function shorten(problem: string | undefined): string | undefined {
  return problem?.split(/: |; /, 1)[0];
}

/** A problem that needs an operator, in full. */
export function ProblemNotice(): JSX.Element | null {
  const problem = useModel().status.status.value?.problem;
  // an outage ends by itself, and every panel shows its own failure
  if (!problem || problem.code.endsWith("_unavailable")) return null;
  return (
    <p class="notice" role="alert">
      <Icon name="warn" />
      <span>{problem.message}.</span>
    </p>
  );
}

function ConnectionState(): JSX.Element {
  const { stream } = useModel();
  const { tone, text, spoken } = stream.headline.value;
  return (
    <div class="connection">
      <p class="pill" data-tone={tone} data-testid="connection">
        <span class="dot" />
        <span aria-hidden={text !== spoken}>{text}</span>
      </p>
      <p class="unseen" role="status">
        {spoken}
      </p>
      {stream.connection.value.kind === "waiting" && (
        <button type="button" class="button small" onClick={() => stream.retryNow()}>
          Retry now
        </button>
      )}
    </div>
  );
}

/** The read model's lag, or the problem that hides it. */
function TablesState(): JSX.Element {
  const found = useModel().status.status.value;
  const events = found?.lag_events;
  const seconds = found?.lag_seconds ?? 0;
  const known = events !== undefined && events !== null;
  const problem = shorten(found?.problem?.message);
  return (
    <p
      class="tables"
      data-tone={!problem && (known || found === undefined) && seconds <= LATE ? "calm" : "wait"}
      data-testid="lag"
    >
      {problem
        ? problem
        : known
          ? events && seconds >= SHOWN_LAG
            ? `${many(events, "entry", "entries")} behind, ${rate(seconds)} s`
            : "Up to date"
          : found === undefined
            ? "…"
            : "Lag unknown"}
      {found?.parked ? (
        <span class="parked" title="Log entries that could not be projected. List them with: tailrace parked list">
          {many(found.parked, "entry", "entries")} parked
        </span>
      ) : null}
    </p>
  );
}
