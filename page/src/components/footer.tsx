import type { JSX } from "preact";
import { count, many, rate } from "../format/numbers.ts";
import { useModel } from "../model.ts";

export function Footer(): JSX.Element {
  const { stats, status } = useModel();
  const found = status.status.value;
  const as_of = stats.answer.value?.stats.as_of;
  return (
    <footer class="foot">
      <p>
        {found?.last_seq ? `${many(found.last_seq, "log entry", "log entries")}, ` : ""}
        {found?.lag_events != null
          ? `lag ${many(found.lag_events, "entry", "entries")} (${rate(found.lag_seconds ?? 0)} s), `
          : ""}
        {found ? many(found.live_clients, "live client") : ""}
      </p>
      <p title="The log position that the numbers under History include">
        {as_of?.cursor ? (
          <>
            Counted up to <code>{as_of.cursor}</code>
            {as_of.revision > 0 && `, revision ${count(as_of.revision)}`}
          </>
        ) : null}
      </p>
      <nav aria-label="API">
        <a href="/stats">/stats</a>
        <a href="/events">/events</a>
        <a href="/status">/status</a>
        <a href="/openapi.json">/openapi.json</a>
      </nav>
    </footer>
  );
}
