import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { goLive, togglePause } from "../stream/control.ts";
import { isReplay } from "../stream/store.ts";
import { FILTER_ID } from "./filter.tsx";
import { Icon } from "./icons.tsx";

export const shortcutsOpen = signal(false);

const KEYS: [string, string][] = [
  ["Space", "Pause, and resume"],
  ["/", "Filter by type"],
  ["Esc", "Back to now; closes what is open"],
  ["↑ ↓", "In the tail: from entry to entry"],
  ["Enter", "In the tail: the entry in full"],
  ["?", "These keys"],
];

let clicked: Element | null = null; // it keeps the focus unseen, and nobody means it with Space

/** Whether Space is the element's own. */
function usesSpace(target: HTMLElement): boolean {
  return target.matches("button, a, select, section[tabindex]") && target !== clicked;
}

/** What the keys do, wherever the focus is; fields and what the keyboard went to keep theirs. */
export function listenToKeys(): void {
  let taken = false; // Space, and its release would press a button
  document.addEventListener("pointerdown", ({ target }) => {
    clicked = target instanceof Element ? target.closest("button, a, select, section[tabindex]") : null;
  });
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && taken) event.preventDefault();
    if (event.key === " ") taken = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Tab" || event.key.startsWith("Arrow")) clicked = null;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const target = event.target instanceof HTMLElement ? event.target : document.body;
    const field = target.matches("input:not([type=radio]), textarea");
    if (event.key === "Escape") {
      if (field) target.blur();
      else if (isReplay.value) goLive();
    } else if (field) {
      return;
    } else if (event.key === " " && !usesSpace(target)) {
      event.preventDefault();
      taken = true;
      if (!event.repeat) togglePause();
    } else if (event.key === "/") {
      event.preventDefault();
      document.getElementById(FILTER_ID)?.focus();
    } else if (event.key === "?") {
      shortcutsOpen.value = true;
    }
  });
}

export function Shortcuts(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = shortcutsOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  const close = (): void => {
    shortcutsOpen.value = false;
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes a dialog by itself
    <dialog
      ref={dialog}
      class="shortcuts"
      aria-labelledby="shortcuts-title"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <header class="details-head">
        <h2 id="shortcuts-title">Keyboard</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
