// One event in full, and where it is.

import { type ReadonlySignal, signal, useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { EventPlace } from "../contract.ts";
import { duration, inFull } from "../format/times.ts";
import { plain } from "../json.ts";
import { selection } from "../state/view.ts";
import { ask, RefusedError } from "../stats/asking.ts";
import { replay, select } from "../stream/control.ts";
import type { EventRow } from "../stream/rows.ts";
import { usualPace } from "../stream/store.ts";
import { Copy } from "./copy.tsx";
import { Icon } from "./icons.tsx";
import { JsonView } from "./json_view.tsx";
import { Swatch } from "./legend.tsx";

const shown = signal<EventRow | null>(null);

export function openEvent(row: EventRow): void {
  shown.value = row;
}

export function Details(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const row = shown.value;
  useEffect(() => {
    if (row && !dialog.current?.open) dialog.current?.showModal();
    if (!row) dialog.current?.close();
  }, [row]);
  const close = (): void => {
    shown.value = null;
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes a dialog by itself
    <dialog
      ref={dialog}
      class="details"
      aria-labelledby="details-title"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      {row && <Content row={row} close={close} />}
    </dialog>
  );
}

function Content({ row, close }: { row: EventRow; close: () => void }): JSX.Element {
  const { event } = row;
  const created = Date.parse(event.created_at);
  const user = plain(event.user_id);
  const where = useWhereabouts(event.event_id);
  const logged = event.logged_at ?? where.value.logged_at;
  const json = JSON.stringify(event, null, 2);
  return (
    <article class="details-body">
      <header class="details-head">
        <h2 id="details-title">
          <Swatch type={event.event_type} />
          {event.event_type}
        </h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <dl class="facts">
        <Fact name="Happened">
          {inFull(created)}
          <small>{duration(Date.now() - created)} ago</small>
        </Fact>
        <Fact name="Arrived">
          <Arrival at={logged} happened={created} />
        </Fact>
        <Fact name="User">
          <code>{user}</code>
          <button
            type="button"
            class="link"
            onClick={() => {
              close();
              select({ ...selection.value, user });
            }}
          >
            only this user
          </button>
        </Fact>
        <Fact name="Event id">
          <code>{event.event_id}</code>
          <Copy text={event.event_id} label="Copy the event id" />
        </Fact>
        <Fact name="Cursor">
          <code>{event.cursor}</code>
          <Copy text={event.cursor} label="Copy the cursor" />
        </Fact>
        <Fact name="Where it is">{where.value.text}</Fact>
      </dl>
      <div class="details-json">
        <Copy text={json} label="Copy the event as JSON" />
        <JsonView text={json} />
      </div>
      <footer class="details-foot">
        <button
          type="button"
          class="button primary"
          onClick={() => {
            close();
            replay(row.before, usualPace());
          }}
        >
          <Icon name="rewind" />
          Replay from here
        </button>
        <a class="button" href={`/events/${event.event_id}`} target="_blank" rel="noreferrer">
          Open /events/{event.event_id.slice(0, 8)}…
        </a>
      </footer>
    </article>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const SECOND = 1_000;

const PLACES: Record<string, string> = {
  projected: "In the log, and counted in the tables.",
  logged: "In the log; the tables don't have it yet.",
};

/** When the log took it; undefined: not known yet, or not at all. */
function Arrival({ at, happened }: { at: string | undefined; happened: number }): JSX.Element {
  if (at === undefined) return <>…</>;
  const moment = Date.parse(at);
  const later = moment - happened;
  return (
    <>
      {inFull(moment)}
      {Math.abs(later) >= SECOND && (
        <small>{`${duration(Math.abs(later))} ${later > 0 ? "later" : "before that"}`}</small>
      )}
    </>
  );
}

interface Whereabouts {
  text: string;
  logged_at?: string;
}

/** Asks where the event has got to. */
function useWhereabouts(id: string): ReadonlySignal<Whereabouts> {
  const found = useSignal<Whereabouts>({ text: "…" });
  useEffect(() => {
    const gone = new AbortController();
    ask<EventPlace>(`/events/${id}`, gone.signal).then(
      ({ state, parked, log }) => {
        const text = parked ? `Parked: ${parked.reason}` : (PLACES[state] ?? state);
        found.value = log ? { text, logged_at: log.logged_at } : { text };
      },
      (error: unknown) => {
        if (gone.signal.aborted) return;
        found.value = {
          text:
            error instanceof RefusedError && error.status === 404
              ? "In the log; the tables don't have it yet."
              : "Not known: the service does not say.",
        };
      },
    );
    return () => gone.abort();
  }, [id]);
  return found;
}
