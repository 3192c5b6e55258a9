// Questions over HTTP, and their errors as sentences.

import type { Problem } from "../contract.ts";
import { parseJson } from "../json.ts";

const PATIENCE = 20_000; // ms

/** The service answered that it can't; the message says why. */
export class RefusedError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }

  /** Whether asking the same again is answered the same. */
  get isFinal(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

/** Asks the service. Its answers are kept by the browser and asked for again by their ETag. */
export async function ask<T>(path: string, signal?: AbortSignal, heard?: (answer: Response) => void): Promise<T> {
  const patience = AbortSignal.timeout(PATIENCE);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(path, { signal: signal ? AbortSignal.any([signal, patience]) : patience });
    heard?.(answer);
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error(patience.aborted ? "the service takes too long to answer" : "the service does not answer");
  }
  if (!answer.ok) throw new RefusedError(answer.status, detailOf(text) ?? `the service answered ${answer.status}`);
  return parseJson<T>(text);
}

function detailOf(text: string): string | null {
  try {
    return (JSON.parse(text) as Problem).detail ?? null;
  } catch {
    return null;
  }
}
