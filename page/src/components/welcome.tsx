// What an empty log shows: how to send the first event.

import type { JSX } from "preact";
import { Copy } from "./copy.tsx";

const PORT = 8081;
const EVENT = `{"event_type":"page_view","user_id":123,"event_data":{"path":"/home"}}`;

export function Welcome(): JSX.Element {
  // where it usually is: on the machine that this page is from
  const command = `curl http://${location.hostname}:${PORT}/events -d '${EVENT}'`;
  return (
    <section class="welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">The log is empty. Send the first event:</h2>
      <div class="command">
        <pre>
          <code>{command}</code>
        </pre>
        <Copy text={command} label="Copy the command" />
      </div>
      <p>
        It appears here at once. If nothing answers there, the command service has another address than its usual port{" "}
        <code>{PORT}</code>: <code>tailrace up</code> shows it beside <em>send</em>.
      </p>
      <p>
        To see more than one, let the mock shop run (<code>tailrace produce</code>) or import a web server's log (
        <code>tailrace import access.log --format combined</code>).
      </p>
    </section>
  );
}
