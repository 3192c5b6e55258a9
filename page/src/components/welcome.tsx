// Shown while the log is empty: how to send the first event.

import type { JSX } from "preact";
import { Copy } from "./copy.tsx";

const DEFAULT_PORT = 8081;
const EVENT = `{"event_type":"page_view","user_id":123,"event_data":{"path":"/home"}}`;

/** Returns the port of the command service, which the query service writes into the page. */
function commandPort(): number {
  const meta = document.querySelector<HTMLMetaElement>("meta[name=tailrace-command-port]");
  return Number(meta?.content) || DEFAULT_PORT;
}

export function Welcome(): JSX.Element {
  const command = `curl http://${location.hostname}:${commandPort()}/events -d '${EVENT}'`;
  return (
    <section class="welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">Send your first event</h2>
      <div class="command">
        <pre>
          <code>{command}</code>
        </pre>
        <Copy text={command} label="Copy the command" />
      </div>
      <p>
        It appears here immediately. Nothing to send yet? Start the mock shop with <code>tailrace produce</code>, or
        import a web server's access log with <code>tailrace import access.log --format combined</code>.
      </p>
    </section>
  );
}
