import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Model, useModel } from "../model.ts";
import { ALL_TIME, PRESETS } from "../view/ranges.ts";
import { SPEEDS } from "../view/url.ts";
import { FILTER_ID } from "./filter.tsx";
import { Icon } from "./icons.tsx";

const KEYS: [string, string][] = [
  ["Space", "Pause or resume"],
  ["/", "Filter by type"],
  ["1 – 6", "Choose a range"],
  ["− +", "Replay slower or faster"],
  ["Esc", "Back to live, or close a dialog"],
  ["↑ ↓", "Move through the tail"],
  ["Enter", "Open an event of the tail"],
  ["?", "Show these shortcuts"],
];

const SPACE_USERS = "button, a, select, section[tabindex]";

/** Handles the page's shortcuts. Fields, and controls that were focused by keyboard, keep their own keys. */
export function listenToKeys({ shortcutsOpen, stream, view }: Model): void {
  let clicked: Element | null = null; // has the focus only because of a click: Space is not for it
  let taken = false; // Space was handled, and its release must not press a button
  document.addEventListener("pointerdown", ({ target }) => {
    clicked = target instanceof Element ? target.closest(SPACE_USERS) : null;
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
    const field = target.matches("input:not([type=radio], [type=range]), textarea");
    if (event.key === "Escape") {
      if (field) target.blur();
      else if (stream.isReplay.value) stream.goLive();
    } else if (field) {
      return;
    } else if (event.key === " " && (!target.matches(SPACE_USERS) || target === clicked)) {
      event.preventDefault();
      taken = true;
      if (!event.repeat) stream.togglePause();
    } else if (event.key === "/") {
      event.preventDefault();
      document.getElementById(FILTER_ID)?.focus();
    } else if (/^[1-6]$/.test(event.key) && !target.matches("select")) {
      view.chooseRange(PRESETS[Number(event.key) - 1] ?? ALL_TIME);
    } else if (event.key === "-" || event.key === "+") {
      const at = SPEEDS.indexOf(view.pace.value.speed) + (event.key === "+" ? 1 : -1);
      const speed = SPEEDS[at];
      if (speed !== undefined) stream.changePace({ ...view.pace.value, speed });
    } else if (event.key === "?") {
      shortcutsOpen.value = true;
    }
  });
}

export function Shortcuts(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const { shortcutsOpen } = useModel();
  const open = shortcutsOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  const close = (): void => {
    shortcutsOpen.value = false;
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes every dialog
    <dialog
      ref={dialog}
      class="shortcuts"
      aria-labelledby="shortcuts-title"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <header class="details-head">
        <h2 id="shortcuts-title">Keyboard shortcuts</h2>
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
