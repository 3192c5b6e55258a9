// All details of one event, and its state.

import { type ReadonlySignal, useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { EventPlace } from "../api/contract.ts";
import { ResponseError } from "../api/http.ts";
import { plain } from "../api/json.ts";
import { duration, inFull } from "../format/times.ts";
import { useModel } from "../model.ts";
import type { EventRow } from "../stream/tail.ts";
import { Copy } from "./copy.tsx";
import { Icon } from "./icons.tsx";
import { JsonView } from "./json_view.tsx";
import { Swatch } from "./legend.tsx";

export function Details(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const { openEvent } = useModel();
  const row = openEvent.value;
  useEffect(() => {
    if (row && !dialog.current?.open) dialog.current?.showModal();
    if (!row) dialog.current?.close();
  }, [row]);
  const close = (): void => {
    openEvent.value = null;
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes every dialog
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
  const { stream, view } = useModel();
  const { event } = row;
  const created = Date.parse(event.created_at);
  const user = event.user_id === null ? null : plain(event.user_id);
  const place = usePlace(event.event_id);
  const logged = event.logged_at ?? place.value.loggedAt;
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
        <Fact name="Appended">
          <Appended at={logged} happened={created} />
        </Fact>
        <Fact name="User">
          {user === null ? (
            "none"
          ) : (
            <>
              <code>{user}</code>
              <button
                type="button"
                class="link"
                onClick={() => {
                  close();
                  stream.select({ ...view.selection.value, user });
                }}
              >
                show only this user
              </button>
            </>
          )}
        </Fact>
        <Fact name="Event id">
          <code>{event.event_id}</code>
          <Copy text={event.event_id} label="Copy the event id" />
        </Fact>
        <Fact name="Cursor">
          <code>{event.cursor}</code>
          <Copy text={event.cursor} label="Copy the cursor" />
        </Fact>
        <Fact name="State">{place.value.text}</Fact>
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
            stream.replay(row.before, view.nextPace());
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

const STATES: Record<string, string> = {
  projected: "In the log and counted.",
  logged: "In the log, not counted yet.",
};

/** When it was appended; undefined: not known yet. */
function Appended({ at, happened }: { at: string | undefined; happened: number }): JSX.Element {
  if (at === undefined) return <>…</>;
  const appended = Date.parse(at);
  const later = appended - happened;
  return (
    <>
      {inFull(appended)}
      {Math.abs(later) >= SECOND && <small>{`${duration(Math.abs(later))} ${later > 0 ? "later" : "earlier"}`}</small>}
    </>
  );
}

interface Place {
  text: string;
  loggedAt?: string;
}

/** Requests where the event is: in the log, counted, or parked. */
function usePlace(id: string): ReadonlySignal<Place> {
  const { get } = useModel();
  const place = useSignal<Place>({ text: "…" });
  useEffect(() => {
    const unmounted = new AbortController();
    get<EventPlace>(`/events/${id}`, { signal: unmounted.signal }).then(
      ({ state, parked, log }) => {
        const text = parked ? `Parked: ${parked.reason}` : (STATES[state] ?? state);
        place.value = log ? { text, loggedAt: log.logged_at } : { text };
      },
      (error: unknown) => {
        if (unmounted.signal.aborted) return;
        place.value = {
          text:
            error instanceof ResponseError && error.status === 404
              ? "In the log, not counted yet."
              : "Unknown: the service does not answer.",
        };
      },
    );
    return () => unmounted.abort();
  }, [id, get]);
  return place;
}
