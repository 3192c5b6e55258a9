import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Icon } from "./icons.tsx";

const SHOWN = 1_500; // ms

/** A button that copies a text. */
export function Copy({ text, label }: { text: string; label: string }): JSX.Element {
  const state = useSignal<"ready" | "done" | "failed">("ready");
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      state.value = "done";
    } catch {
      state.value = "failed"; // browsers have no clipboard over plain HTTP from another machine
    }
    setTimeout(() => {
      state.value = "ready";
    }, SHOWN);
  }
  return (
    <button type="button" class="icon-button" title={TITLES[state.value] ?? label} aria-label={label} onClick={copy}>
      <Icon name={state.value === "done" ? "done" : state.value === "failed" ? "warn" : "copy"} />
    </button>
  );
}

const TITLES: Record<string, string> = { done: "Copied", failed: "The browser does not allow copying here" };
