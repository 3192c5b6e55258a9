import type { JSX } from "preact";
import { useModel } from "../model.ts";
import { Health } from "./health.tsx";
import { Icon, Mark } from "./icons.tsx";

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
      <Health />
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
