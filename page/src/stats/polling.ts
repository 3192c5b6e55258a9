// Asking the same again and again, without being a burden.

import { ask } from "./asking.ts";

const EVERY = 2_000; // ms
const SHARE = 10; // a question that takes long is asked so much more seldom

export interface Outcome<T> {
  answer(value: T): void;
  failed(reason: string): void;
}

/** Asks now and from then on, while the page is seen, until the returned function is called. */
export function poll<T>(path: string, outcome: Outcome<T>): () => void {
  const ended = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function round(): Promise<void> {
    const began = performance.now();
    try {
      const value = await ask<T>(path, ended.signal);
      if (!ended.signal.aborted) outcome.answer(value);
    } catch (error) {
      if (!ended.signal.aborted) outcome.failed(error instanceof Error ? error.message : String(error));
    }
    if (!ended.signal.aborted) timer = setTimeout(next, Math.max(EVERY, SHARE * (performance.now() - began)));
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
