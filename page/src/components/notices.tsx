// Notices above the panels.

import type { JSX } from "preact";
import { useModel } from "../model.ts";
import { Icon } from "./icons.tsx";

/** Tells that the log was replaced, until the user closes it. A row of the tail would soon be gone. */
export function OtherLogNotice(): JSX.Element | null {
  const { otherLog } = useModel().stream;
  const gap = otherLog.value;
  if (gap === null) return null;
  return (
    <section class="notice" aria-label="Log replaced">
      <Icon name="warn" />
      <p role="alert">
        <strong>The log was replaced.</strong> The page now shows the new one, live. Reason: {gap.reason}.
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
