// A stream of the log over any number of sockets: it resumes from its cursor after every disconnect.

import { CLOSED, type Cursor, type Events, type Frame, type Gap, type Hello } from "../api/contract.ts";
import { parseJson } from "../api/json.ts";
import {
  EVERYTHING,
  filterMessage,
  PAUSE,
  type Pace,
  type Selection,
  seekMessage,
  streamAddress,
} from "../api/live_request.ts";
import { backoff } from "./backoff.ts";

const SILENCE_TIMEOUT = 12_000; // ms: the service sends a frame every 5 s
const ANSWER_TIMEOUT = 5_000; // ms

export type Connection =
  | { kind: "connecting" }
  | { kind: "open" }
  | { kind: "waiting"; until: number; reason: string }
  | { kind: "closed" }
  | { kind: "refused"; reason: string };

export interface StreamHandlers {
  connection(now: Connection): void;
  hello(frame: Hello): void;
  events(frame: Events, before: Cursor | null): void;
  gap(frame: Gap): void;
  /** All history has arrived: the stream is live. */
  caughtUp(): void;
}

export type OpenSocket = (address: string) => WebSocket;

export class StreamClient {
  /** The last entry that arrived; null: none since the last seek. */
  cursor: Cursor | null = null;
  /** The pace for reconnects and for resuming. */
  pace: Pace = { speed: "max", clock: "log" };

  readonly #base: string;
  readonly #open: OpenSocket;
  readonly #handlers: StreamHandlers;
  #from = "latest";
  #selection: Selection = EVERYTHING;
  #paused = false;
  #socket: WebSocket | null = null;
  #greeted = false;
  #unanswered = 0; // messages; until they are answered, frames belong to the state before
  #attempt = 0;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(base: string, open: OpenSocket, handlers: StreamHandlers) {
    this.#base = base;
    this.#open = open;
    this.#handlers = handlers;
  }

  /** Starts again at a place of the log, and ends a pause. */
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

  /** Selects other events from here on. */
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

  /** Continues from the cursor. It seeks, because only a seek's history ends with `caught_up`. */
  resume(): void {
    this.seek(this.cursor ?? this.#from, this.pace);
  }

  /** Closes the stream until the next seek. */
  disconnect(): void {
    this.#drop({ kind: "connecting" });
  }

  /** Retries at once if a retry is due later. */
  retryNow(): void {
    if (this.#retry !== undefined) this.#connect();
  }

  #connect(): void {
    this.#drop({ kind: "connecting" });
    const from = this.cursor ?? this.#from;
    const socket = this.#open(streamAddress(this.#base, from, this.#selection, this.pace));
    this.#socket = socket;
    this.#watch(SILENCE_TIMEOUT);
    socket.onmessage = (message) => this.#receive(parseJson<Frame>(String(message.data)));
    socket.onclose = (event) => this.#disconnected(event.code, event.reason);
  }

  #send(message: string): void {
    this.#unanswered += 1;
    this.#socket?.send(message);
    this.#watch(ANSWER_TIMEOUT);
  }

  #receive(frame: Frame): void {
    if (frame.kind === "hello") {
      this.#greeted = true;
      this.#attempt = 0;
      this.cursor ??= frame.cursor;
      this.#handlers.connection({ kind: "open" });
      this.#handlers.hello(frame);
    } else if (frame.kind === "state") {
      this.#unanswered -= 1;
      if (this.#unanswered === 0) this.cursor = frame.cursor;
    } else if (this.#unanswered === 0) {
      this.#follow(frame);
    }
    this.#watch(this.#unanswered ? ANSWER_TIMEOUT : SILENCE_TIMEOUT);
  }

  #follow(frame: Exclude<Frame, { kind: "hello" | "state" }>): void {
    const before = this.cursor;
    this.cursor = frame.kind === "gap" ? frame.resumed_at : frame.cursor;
    if (frame.kind === "events") this.#handlers.events(frame, before);
    if (frame.kind === "gap") this.#handlers.gap(frame);
    if (frame.kind === "caught_up") this.#handlers.caughtUp();
  }

  /** Drops the socket if no frame arrives in time. A paused stream sends none. */
  #watch(timeout: number): void {
    clearTimeout(this.#watchdog);
    if (this.#paused && this.#unanswered === 0) return;
    this.#watchdog = setTimeout(() => this.#disconnected(0, "the service stopped answering"), timeout);
  }

  #disconnected(code: number, reason: string): void {
    if (code === CLOSED.badRequest || code === CLOSED.notAllowed) this.#drop({ kind: "refused", reason });
    else if (this.#paused) this.#drop({ kind: "closed" });
    else this.#retryLater(code, reason);
  }

  #retryLater(code: number, reason: string): void {
    this.#attempt += 1;
    const delay = code === CLOSED.tooSlow && this.#attempt === 1 ? 0 : backoff(this.#attempt);
    this.#drop({ kind: "waiting", until: Date.now() + delay, reason: REASONS[code] ?? reason });
    this.#retry = setTimeout(() => this.#connect(), delay);
  }

  #drop(connection: Connection): void {
    clearTimeout(this.#watchdog);
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
    this.#handlers.connection(connection);
  }
}

const REASONS: Record<number, string> = {
  [CLOSED.shuttingDown]: "the service is restarting",
  [CLOSED.tooSlow]: "this page was too slow for the stream",
  [CLOSED.tryLater]: "the log does not answer",
};
