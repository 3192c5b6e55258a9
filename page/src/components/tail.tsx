// The stream's events, newest first.

import { useSignal } from "@preact/signals";
import { Component, type JSX } from "preact";
import type { LogEvent } from "../api/contract.ts";
import { isRaw, plain } from "../api/json.ts";
import { count } from "../format/numbers.ts";
import { inFull, rowTime } from "../format/times.ts";
import { useModel } from "../model.ts";
import type { Row } from "../stream/tail.ts";
import { FilterForm } from "./filter.tsx";
import { Icon } from "./icons.tsx";
import { Swatch } from "./legend.tsx";

export function TailPanel(): JSX.Element {
  const { stream } = useModel();
  return (
    <section class="panel tail" aria-labelledby="tail-title">
      <header class="panel-head">
        <h2 id="tail-title">{stream.isReplay.value ? "Replay" : "Live tail"}</h2>
        <TailState />
      </header>
      <FilterForm />
      <List />
    </section>
  );
}

/** Why the rows are not all, or not the newest. */
function TailState(): JSX.Element {
  const { heldBack, sampled } = useModel().stream.tail.value;
  const text = heldBack ? `Paused while hovering · ${count(heldBack)} new` : sampled ? "Sample · pause to see all" : "";
  return <p class="tail-state">{text || "\u00a0"}</p>;
}

function List(): JSX.Element {
  const { openEvent, stream } = useModel();
  const reachable = useSignal<string | null>(null); // the row that Tab reaches
  const { rows, fresh, batch } = stream.tail.value;
  const events = rows.filter((row) => row.kind === "event");
  const isReachable = events.some((row) => row.key === reachable.value);
  const reached = isReachable ? reachable.value : (events[0]?.key ?? null);

  function move(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -events.length, End: events.length }[event.key];
    if (step === undefined || !(event.target instanceof HTMLButtonElement)) return;
    event.preventDefault();
    const buttons = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLButtonElement>("button.row")];
    const index = buttons.indexOf(event.target) + step;
    buttons[Math.max(0, Math.min(buttons.length - 1, index))]?.focus();
  }

  function hold({ pointerType, movementX, movementY }: PointerEvent): void {
    // without movement it is the page that changed under a resting pointer
    if (pointerType === "mouse" && (movementX || movementY)) stream.hold(true);
  }

  if (rows.length === 0) return <EmptyTail />;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the arrow keys move between the buttons inside
    <div
      class="rows"
      data-testid="rows"
      onKeyDown={move}
      onPointerMove={hold}
      onPointerLeave={(event) => event.pointerType === "mouse" && stream.hold(false)}
      onFocusIn={() => stream.hold(true)}
      onFocusOut={() => stream.hold(false)}
    >
      <ol>
        {rows.map((row, index) => (
          // keyed by place: the elements stay where they are, and only their content changes
          <Item
            key={index}
            row={row}
            reached={row.key === reached}
            fresh={index < fresh ? batch : null}
            reach={() => {
              reachable.value = row.key;
            }}
            open={() => {
              if (row.kind === "event") openEvent.value = row;
            }}
          />
        ))}
      </ol>
    </div>
  );
}

interface ItemProps {
  row: Row;
  reached: boolean;
  /** The batch that the row is new in; null: none. */
  fresh: number | null;
  reach: () => void;
  open: () => void;
}

/** One place in the list. */
class Item extends Component<ItemProps> {
  override shouldComponentUpdate({ row, reached, fresh }: ItemProps): boolean {
    return row !== this.props.row || reached !== this.props.reached || fresh !== this.props.fresh;
  }

  override render({ row, reached, fresh, reach, open }: ItemProps): JSX.Element {
    // two names of the same animation: the other one starts it again
    const highlight = fresh === null ? undefined : fresh % 2 ? "odd" : "even";
    if (row.kind === "note") return <li class="note">{row.text}</li>;
    if (row.kind === "gap") {
      return (
        <li class="gap">
          <Icon name="warn" />
          <span>
            <strong>Gap.</strong> {row.gap.reason}
          </span>
        </li>
      );
    }
    return (
      <li data-fresh={highlight}>
        <button type="button" class="row" tabIndex={reached ? 0 : -1} onFocus={reach} onClick={open}>
          <Line event={row.event} />
        </button>
      </li>
    );
  }
}

function Line({ event }: { event: LogEvent }): JSX.Element {
  const { stream } = useModel();
  const time = Date.parse(event.created_at);
  return (
    <>
      <time class="row-time" dateTime={event.created_at} title={inFull(time)}>
        {rowTime(time, stream.replayTime.peek() ?? Date.now())}
      </time>
      <span class="row-type">
        <Swatch type={event.event_type} />
        <span>{event.event_type}</span>
      </span>
      <span class="row-user">
        <span class="unseen">user </span>
        {event.user_id === null ? "–" : plain(event.user_id)}
      </span>
      <span class="row-data">{summarize(event)}</span>
    </>
  );
}

const LONGEST_SUMMARY = 120; // characters

/** Returns a line about an event's data: its path if it has one, else its scalar properties. */
function summarize({ event_data: data }: LogEvent): string {
  if (typeof data !== "object" || data === null || Array.isArray(data) || isRaw(data)) return plain(data);
  const path = data["path"];
  if (typeof path === "string") return path;
  const scalars = Object.entries(data).filter(
    ([, value]) => typeof value !== "object" || value === null || isRaw(value),
  );
  return scalars
    .map(([key, value]) => `${key}: ${plain(value)}`)
    .join(", ")
    .slice(0, LONGEST_SUMMARY);
}

function EmptyTail(): JSX.Element {
  const { stream, view } = useModel();
  const start = stream.awaitedStart.value;
  if (start !== null && !stream.paused.value) {
    return (
      <div class="rows rows-empty" data-testid="rows">
        <p class="nothing">The log starts on {inFull(start)}.</p>
        <button
          type="button"
          class="button"
          onClick={() => stream.replay(new Date(Math.floor(start)).toISOString(), view.nextPace())}
        >
          Skip to the start
        </button>
      </div>
    );
  }
  return (
    <div class="rows rows-empty" data-testid="rows">
      <p class="nothing">{emptyText()}</p>
    </div>
  );

  function emptyText(): string {
    if (stream.connection.value.kind === "refused") return "The service refused the stream.";
    if (stream.paused.value) return "Paused.";
    if (stream.started.value) return "No matching events yet.";
    return stream.isReplay.value ? "Waiting for the first event of the replay." : "Waiting for the next event.";
  }
}
