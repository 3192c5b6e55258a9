// Repeats a request for as long as the page is visible.

import { type Get, ResponseError } from "./http.ts";

const INTERVAL = 2_000; // ms
const SHARE = 10; // a slow request is repeated after this many times its duration, to spare the service

export interface Failure {
  reason: string;
  /** The same request would fail again, so it is not repeated. */
  final: boolean;
}

export interface PollHandlers<T> {
  success(value: T): void;
  failure(failure: Failure): void;
  /** Called with each response to a request that was sent at `sentAt` (this machine's clock, ms). */
  response?(response: Response, sentAt: number): void;
}

/** Requests now and then at intervals, until the returned function is called. */
export function poll<T>(
  get: Get,
  path: () => string,
  handlers: PollHandlers<T>,
  interval: number = INTERVAL,
): () => void {
  const stopped = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function request(): Promise<void> {
    const started = performance.now();
    const sentAt = Date.now();
    let final = false;
    try {
      const onResponse = (response: Response): void => handlers.response?.(response, sentAt);
      const value = await get<T>(path(), { signal: stopped.signal, onResponse });
      if (!stopped.signal.aborted) handlers.success(value);
    } catch (error) {
      final = error instanceof ResponseError && error.isFinal;
      const reason = error instanceof Error ? error.message : String(error);
      if (!stopped.signal.aborted) handlers.failure({ reason, final });
    }
    if (final || stopped.signal.aborted) return;
    timer = setTimeout(next, Math.max(interval, SHARE * (performance.now() - started)));
  }

  function next(): void {
    if (globalThis.document?.hidden) {
      document.addEventListener("visibilitychange", next, { once: true, signal: stopped.signal });
    } else void request();
  }

  next();
  return () => {
    clearTimeout(timer);
    stopped.abort();
  };
}
