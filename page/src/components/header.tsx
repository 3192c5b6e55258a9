import type { JSX } from "preact";
import { many, rate } from "../format/numbers.ts";
import { theme, toggleTheme } from "../state/theme.ts";
import { status } from "../stats/store.ts";
import { goLive, retryNow } from "../stream/control.ts";
import { isReplay, mayRetry, situation } from "../stream/store.ts";
import { Icon, Mark } from "./icons.tsx";
import { shortcutsOpen } from "./shortcuts.tsx";

const PROMPT = 1; // s behind the log that are not worth a word
const LATE = 5; // s that the tables may be behind the log before it is worth a colour

export function Header(): JSX.Element {
  const dark = theme.value === "dark";
  return (
    <header class="top">
      <h1 class="brand">
        <Mark />
        Tailrace
      </h1>
      <ConnectionState />
      {isReplay.value && (
        <button type="button" class="button small primary now" onClick={goLive} title="Esc">
          <Icon name="now" />
          Back to now
        </button>
      )}
      <TablesState />
      <div class="top-tools">
        <button
          type="button"
          class="icon-button"
          aria-label={dark ? "Use the light theme" : "Use the dark theme"}
          title={dark ? "Light theme" : "Dark theme"}
          onClick={toggleTheme}
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

/** A problem in a few words: what comes behind them is said below the header. */
function gistOf(problem: string | undefined): string | undefined {
  return problem?.split(/: |; /, 1)[0];
}

/** What somebody has to do something about, in full; the header has room for the gist alone. */
export function ProblemNotice(): JSX.Element | null {
  const problem = status.value?.problem;
  // what does not answer is waited for, and each part says what it lacks
  if (!problem || problem.code.endsWith("_unavailable")) return null;
  return (
    <p class="notice" role="alert">
      <Icon name="warn" />
      <span>{problem.message}.</span>
    </p>
  );
}

function ConnectionState(): JSX.Element {
  const { tone, text, spoken } = situation.value;
  return (
    <div class="connection">
      <p class="pill" data-tone={tone} data-testid="connection">
        <span class="dot" />
        <span aria-hidden={text !== spoken}>{text}</span>
      </p>
      <p class="unseen" role="status">
        {spoken}
      </p>
      {mayRetry.value && (
        <button type="button" class="button small" onClick={retryNow}>
          Try now
        </button>
      )}
    </div>
  );
}

/** How far the tables are behind the log, or what keeps that from being known. */
function TablesState(): JSX.Element {
  const found = status.value;
  const events = found?.lag_events;
  const seconds = found?.lag_seconds ?? 0;
  const known = events !== undefined && events !== null;
  const problem = gistOf(found?.problem?.message);
  return (
    <p
      class="tables"
      data-tone={!problem && (known || found === undefined) && seconds <= LATE ? "calm" : "wait"}
      data-testid="lag"
    >
      {!problem && <span class="tables-name">Tables </span>}
      {problem
        ? problem
        : known
          ? events && seconds >= PROMPT
            ? `${many(events, "entry", "entries")} behind the log, ${rate(seconds)} s`
            : "up to date with the log"
          : found === undefined
            ? "…"
            : "not known"}
      {found?.parked ? (
        <span class="parked" title="Log entries that could not be projected: tailrace parked list">
          {many(found.parked, "entry", "entries")} parked
        </span>
      ) : null}
    </p>
  );
}
