// One stream of the log over any number of sockets: it goes on by cursor, whatever happens to them.

import { CLOSED, type Cursor, type Events, type Frame, type Gap, type Hello } from "../contract.ts";
import { parseJson } from "../json.ts";
import { backoff } from "./backoff.ts";
import { filterMessage, PAUSE, type Pace, type Selection, seekMessage, streamAddress } from "./request.ts";

const SILENCE = 12_000; // ms: a stream says something every 5 s; after twice that, and some, it is dead
const ANSWER = 5_000; // ms: a message is answered at once

export type Connection =
  | { kind: "connecting" }
  | { kind: "open" }
  | { kind: "waiting"; until: number; reason: string }
  | { kind: "closed" }
  | { kind: "refused"; reason: string };

export interface Listener {
  connection(now: Connection): void;
  hello(frame: Hello): void;
  events(frame: Events, before: Cursor | null): void;
  gap(frame: Gap): void;
  /** Everything that was there has come. */
  caughtUp(): void;
}

export class StreamClient {
  /** What has been seen; null: nothing of this stretch yet. */
  cursor: Cursor | null = null;
  /** What holds when it connects again or goes on after a pause. */
  pace: Pace = { speed: "max", clock: "log" };

  readonly #base: string;
  readonly #listener: Listener;
  #from = "latest";
  #selection: Selection = { types: [], user: null };
  #paused = false;
  #socket: WebSocket | null = null;
  #greeted = false;
  #unanswered = 0; // messages; frames before their answers are of what was asked before
  #attempt = 0;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(base: string, listener: Listener) {
    this.#base = base;
    this.#listener = listener;
  }

  /** Begins anew at a place of the log. Also ends a pause. */
  seek(from: string, pace: Pace, selection: Selection = this.#selection): void {
    const filtered = selection !== this.#selection;
    this.#from = from;
    this.pace = pace;
    this.#selection = selection;
    this.#paused = false;
    this.cursor = null;
    if (!this.#greeted) {
      this.#connect();
      return;
    }
    if (filtered) this.#send(filterMessage(selection));
    this.#send(seekMessage(from, pace));
  }

  /** Other events from here on. */
  filter(selection: Selection): void {
    this.#selection = selection;
    if (this.#greeted) this.#send(filterMessage(selection));
    else if (!this.#paused) this.#connect();
  }

  pause(): void {
    this.#paused = true;
    if (this.#greeted) this.#send(PAUSE);
    else this.#drop({ kind: "closed" });
  }

  /** Goes on behind what has been seen. A seek, not a resume: its history ends with a `caught_up`. */
  resume(): void {
    this.seek(this.cursor ?? this.#from, this.pace);
  }

  /** Ends the stream until the next seek. */
  leave(): void {
    this.#drop({ kind: "connecting" });
  }

  /** Tries at once instead of waiting. */
  retryNow(): void {
    if (this.#retry !== undefined) this.#connect();
  }

  #connect(): void {
    this.#drop({ kind: "connecting" });
    const from = this.cursor ?? this.#from;
    const socket = new WebSocket(streamAddress(this.#base, from, this.#selection, this.pace));
    this.#socket = socket;
    this.#listen(SILENCE);
    socket.onmessage = (message) => this.#take(parseJson<Frame>(String(message.data)));
    socket.onclose = (event) => this.#lost(event.code, event.reason);
  }

  #send(message: string): void {
    this.#unanswered += 1;
    this.#socket?.send(message);
    this.#listen(ANSWER);
  }

  #take(frame: Frame): void {
    if (frame.kind === "hello") {
      this.#greeted = true;
      this.#attempt = 0;
      this.cursor ??= frame.cursor;
      this.#listener.connection({ kind: "open" });
      this.#listener.hello(frame);
    } else if (frame.kind === "state") {
      this.#unanswered -= 1;
      if (this.#unanswered === 0) this.cursor = frame.cursor;
    } else if (this.#unanswered === 0) {
      this.#follow(frame);
    }
    this.#listen(this.#unanswered ? ANSWER : SILENCE);
  }

  #follow(frame: Exclude<Frame, { kind: "hello" | "state" }>): void {
    const before = this.cursor;
    this.cursor = frame.kind === "gap" ? frame.resumed_at : frame.cursor;
    if (frame.kind === "events") this.#listener.events(frame, before);
    if (frame.kind === "gap") this.#listener.gap(frame);
    if (frame.kind === "caught_up") this.#listener.caughtUp();
  }

  /** Gives the socket up if nothing comes in time. A paused stream has nothing to say. */
  #listen(patience: number): void {
    clearTimeout(this.#silence);
    if (this.#paused && this.#unanswered === 0) return;
    this.#silence = setTimeout(() => this.#lost(0, "the service has gone silent"), patience);
  }

  #lost(code: number, reason: string): void {
    if (code === CLOSED.badRequest || code === CLOSED.notAllowed) this.#drop({ kind: "refused", reason });
    else if (this.#paused) this.#drop({ kind: "closed" });
    else this.#retryLater(code, reason);
  }

  #retryLater(code: number, reason: string): void {
    this.#attempt += 1;
    const wait = code === CLOSED.tooSlow && this.#attempt === 1 ? 0 : backoff(this.#attempt);
    this.#drop({ kind: "waiting", until: Date.now() + wait, reason: WHY[code] ?? reason });
    this.#retry = setTimeout(() => this.#connect(), wait);
  }

  #drop(connection: Connection): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const socket = this.#socket;
    this.#socket = null;
    this.#greeted = false;
    this.#unanswered = 0;
    if (socket) {
      socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.#listener.connection(connection);
  }
}

const WHY: Record<number, string> = {
  [CLOSED.shuttingDown]: "the service is restarting",
  [CLOSED.tooSlow]: "this page was too slow for the stream",
  [CLOSED.tryLater]: "the log does not answer",
};
