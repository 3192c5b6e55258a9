/** An event that the service can never accept. `event` is missing if it refused the whole request. */
export interface Rejection {
  event?: Record<string, unknown>;
  code: string;
  message: string;
}

export interface ClientOptions {
  /** The address of the command service, such as `https://events.example.com`. */
  url: string;
  /** A write key; default: none. */
  key?: string;
  /** Milliseconds to wait for more events before a request; default 500. */
  linger?: number;
  /** Events that may wait; beyond it, new ones are dropped and counted in `dropped`. Default 1,000. */
  maxQueue?: number;
  /** Gets each event that can never be accepted. */
  onRejected?: (rejection: Rejection) => void;
}

export interface EventOptions {
  /** An integer, or a string of up to 200 characters, of which only a hash is stored; default: no user. */
  userId?: number | string | null;
  /** A UUID; an event with the id of an earlier one counts once. Default: a new one. */
  eventId?: string;
  /** Default: now. */
  createdAt?: Date;
}

export interface Client {
  /** Queues an event and returns its id; does not wait for the network. */
  send(type: string, data?: Record<string, unknown>, options?: EventOptions): string;
  /** Sends what waits; resolves after one attempt. Failed requests are repeated later with the same ids. */
  flush(): Promise<void>;
  /** Sends what waits at once, also beside a request under way; for a page that may be closing. */
  leave(): void;
  /** The number of events that were lost: the queue was full, or the service refused the request. */
  readonly dropped: number;
}

export function createClient(options: ClientOptions): Client;
