// The stream's entries, newest first.

import { useSignal } from "@preact/signals";
import { Component, type JSX } from "preact";
import type { LogEvent } from "../contract.ts";
import { many } from "../format/numbers.ts";
import { inFull, moment, rowTime } from "../format/times.ts";
import { isRaw, plain } from "../json.ts";
import { hold, replay } from "../stream/control.ts";
import type { EventRow, Row } from "../stream/rows.ts";
import { awaited, begun, heldBack, isRefused, isReplay, paused, rows, streamTime, usualPace } from "../stream/store.ts";
import { openEvent } from "./details.tsx";
import { FilterForm } from "./filter.tsx";
import { Icon } from "./icons.tsx";
import { Swatch } from "./legend.tsx";

export function TailPanel(): JSX.Element {
  return (
    <section class="panel tail" aria-labelledby="tail-title">
      <header class="panel-head">
        <h2 id="tail-title">{isReplay.value ? "Replay" : "Live tail"}</h2>
        <Held />
      </header>
      <FilterForm />
      <List />
    </section>
  );
}

/** While somebody points at the rows they stay where they are, so that one can be clicked. */
function Held(): JSX.Element {
  return (
    <p class="held" data-shown={heldBack.value > 0}>
      {heldBack.value > 0 ? `${many(heldBack.value, "newer", "newer")}, held while you are here` : "\u00a0"}
    </p>
  );
}

function List(): JSX.Element {
  const current = useSignal<string | null>(null); // the one that Tab reaches
  const found = rows.value;
  const events = found.filter((row) => row.kind === "event");
  const reached = events.some((row) => row.key === current.value) ? current.value : (events[0]?.key ?? null);

  function move(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -events.length, End: events.length }[event.key];
    if (step === undefined || !(event.target instanceof HTMLButtonElement)) return;
    event.preventDefault();
    const buttons = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLButtonElement>("button.row")];
    const index = buttons.indexOf(event.target) + step;
    buttons[Math.max(0, Math.min(buttons.length - 1, index))]?.focus();
  }

  if (found.length === 0) return <Waiting />;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the arrow keys go between the buttons inside
    <div
      class="rows"
      data-testid="rows"
      onKeyDown={move}
      onPointerEnter={(event) => event.pointerType === "mouse" && hold(true)}
      onPointerLeave={(event) => event.pointerType === "mouse" && hold(false)}
      onFocusIn={() => hold(true)}
      onFocusOut={() => hold(false)}
    >
      <ol>
        {found.map((row) => (
          <Item
            key={row.key}
            row={row}
            reached={row.key === reached}
            reach={() => {
              current.value = row.key;
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
  reach: () => void;
}

/** A row never changes, and there are many: only those that are new are drawn. */
class Item extends Component<ItemProps> {
  override shouldComponentUpdate(next: ItemProps): boolean {
    return next.row !== this.props.row || next.reached !== this.props.reached;
  }

  override render({ row, reached, reach }: ItemProps): JSX.Element {
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
      <li>
        <button type="button" class="row" tabIndex={reached ? 0 : -1} onFocus={reach} onClick={() => openEvent(row)}>
          <Line {...row} />
        </button>
      </li>
    );
  }
}

function Line({ event }: EventRow): JSX.Element {
  const time = Date.parse(event.created_at);
  return (
    <>
      <time class="row-time" dateTime={event.created_at} title={inFull(time)}>
        {rowTime(time, streamTime.peek() ?? Date.now())}
      </time>
      <span class="row-type">
        <Swatch type={event.event_type} />
        <span>{event.event_type}</span>
      </span>
      <span class="row-user">
        <span class="unseen">user </span>
        {plain(event.user_id)}
      </span>
      <span class="row-data">{gist(event)}</span>
    </>
  );
}

const MOST = 120; // characters: more are not seen in a row

/** What is worth a line of an event's data: its path where it has one, else the plain values it has. */
function gist({ event_data: data }: LogEvent): string {
  if (typeof data !== "object" || data === null || Array.isArray(data) || isRaw(data)) return plain(data);
  const path = data["path"];
  if (typeof path === "string") return path;
  const values = Object.entries(data).filter(
    ([, value]) => typeof value !== "object" || value === null || isRaw(value),
  );
  return values
    .map(([key, value]) => `${key}: ${plain(value)}`)
    .join(", ")
    .slice(0, MOST);
}

function Waiting(): JSX.Element {
  const begins = awaited.value;
  if (begins !== null && !paused.value) {
    return (
      <div class="rows rows-empty" data-testid="rows">
        <p class="nothing">The log begins only on {moment(begins, 0)}.</p>
        <button
          type="button"
          class="button"
          onClick={() => replay(new Date(Math.floor(begins)).toISOString(), usualPace())}
        >
          Skip to it
        </button>
      </div>
    );
  }
  const text = isRefused.value
    ? "Nothing comes: the stream was refused."
    : paused.value
      ? "Paused."
      : begun.value
        ? "Nothing matches yet. The next one appears here."
        : isReplay.value
          ? "Waiting for the first entry from that moment on."
          : "Waiting for the next event.";
  return (
    <div class="rows rows-empty" data-testid="rows">
      <p class="nothing">{text}</p>
    </div>
  );
}
