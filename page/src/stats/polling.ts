// Asking the same again and again, without being a burden.

import { ask, RefusedError } from "./asking.ts";

const EVERY = 2_000; // ms
const SHARE = 10; // a question that takes long is asked so much more seldom

export interface Failure {
  reason: string;
  /** Asking again would be answered the same, and is left. */
  final: boolean;
}

export interface Outcome<T> {
  answer(value: T): void;
  failed(failure: Failure): void;
  /** The answer as it came, to what was asked at `began`. */
  heard?(answer: Response, began: number): void;
}

/** Asks now and from then on, while the page is seen, until the returned function is called. */
export function poll<T>(path: () => string, outcome: Outcome<T>): () => void {
  const ended = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function round(): Promise<void> {
    const began = performance.now();
    const asked = Date.now();
    let final = false;
    try {
      const value = await ask<T>(path(), ended.signal, (answer) => outcome.heard?.(answer, asked));
      if (!ended.signal.aborted) outcome.answer(value);
    } catch (error) {
      final = error instanceof RefusedError && error.isFinal;
      const reason = error instanceof Error ? error.message : String(error);
      if (!ended.signal.aborted) outcome.failed({ reason, final });
    }
    if (final || ended.signal.aborted) return;
    timer = setTimeout(next, Math.max(EVERY, SHARE * (performance.now() - began)));
  }

  function next(): void {
    if (document.hidden) document.addEventListener("visibilitychange", next, { once: true, signal: ended.signal });
    else void round();
  }

  next();
  return () => {
    clearTimeout(timer);
    ended.abort();
  };
}
