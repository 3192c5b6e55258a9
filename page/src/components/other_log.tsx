import type { JSX } from "preact";
import { otherLog } from "../stream/store.ts";
import { Icon } from "./icons.tsx";

/** Says that the log is another one than before, until that is read: rows would carry it away. */
export function OtherLog(): JSX.Element | null {
  const gap = otherLog.value;
  if (gap === null) return null;
  return (
    <section class="notice" aria-label="Another log">
      <Icon name="warn" />
      <p role="alert">
        <strong>This is another log than before</strong>, and shown live from here on. What was shown is gone:{" "}
        {gap.reason}.
      </p>
      <button
        type="button"
        class="icon-button"
        aria-label="Close"
        onClick={() => {
          otherLog.value = null;
        }}
      >
        <Icon name="close" />
      </button>
    </section>
  );
}
