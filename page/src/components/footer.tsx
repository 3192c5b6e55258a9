import type { JSX } from "preact";
import { count, many, rate } from "../format/numbers.ts";
import { known, status } from "../stats/store.ts";

export function Footer(): JSX.Element {
  const found = status.value;
  const as_of = known.value?.stats.as_of;
  return (
    <footer class="foot">
      <p>
        {found?.last_seq ? `${many(found.last_seq, "log entry", "log entries")}, ` : ""}
        {found?.lag_events != null
          ? `the tables ${many(found.lag_events, "entry", "entries")} (${rate(found.lag_seconds ?? 0)} s) behind, `
          : ""}
        {found ? many(found.live_clients, "live client") : ""}
      </p>
      <p title="The position of the log that the numbers under History are exact for">
        {as_of?.cursor ? (
          <>
            Counted up to <code>{as_of.cursor}</code>
            {as_of.revision > 0 && `, revision ${count(as_of.revision)}`}
          </>
        ) : null}
      </p>
      <nav aria-label="The service itself">
        <a href="/stats">/stats</a>
        <a href="/events">/events</a>
        <a href="/status">/status</a>
        <a href="/openapi.json">/openapi.json</a>
      </nav>
    </footer>
  );
}
