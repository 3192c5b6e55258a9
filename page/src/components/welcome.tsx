// What an empty log shows: how to send the first event.

import type { JSX } from "preact";
import { Copy } from "./copy.tsx";

const COMMAND = `curl http://localhost:8081/events -d '{"event_type":"page_view","user_id":123,"event_data":{"path":"/home"}}'`;

export function Welcome(): JSX.Element {
  return (
    <section class="welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">The log is empty. Send the first event:</h2>
      <div class="command">
        <pre>
          <code>{COMMAND}</code>
        </pre>
        <Copy text={COMMAND} label="Copy the command" />
      </div>
      <p>
        It appears here at once. <code>8081</code> is the command service's usual port; <code>tailrace up</code> shows
        the address it has.
      </p>
      <p>
        To see more than one, let the mock shop run (<code>tailrace produce</code>) or import a web server's log (
        <code>tailrace import access.log --format combined</code>).
      </p>
    </section>
  );
}
