// HTTP requests to the query service, with errors as sentences.

import type { Problem } from "./contract.ts";
import { parseJson } from "./json.ts";

const TIMEOUT = 20_000; // ms

/** The service answered with an error status; the message is the problem's detail. */
export class ResponseError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }

  /** Whether the same request would fail again. */
  get isFinal(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

export interface GetOptions {
  signal?: AbortSignal;
  /** Called with the response before its body arrives. */
  onResponse?: (response: Response) => void;
}

/** GETs JSON. The browser caches responses and revalidates them by ETag. */
export type Get = <T>(path: string, options?: GetOptions) => Promise<T>;

export function createGet(fetch: typeof globalThis.fetch): Get {
  return async <T>(path: string, { signal, onResponse }: GetOptions = {}): Promise<T> => {
    const timeout = AbortSignal.timeout(TIMEOUT);
    let response: Response;
    let text: string;
    try {
      response = await fetch(path, { signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
      onResponse?.(response);
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Error(timeout.aborted ? "the service took too long to answer" : "the service does not answer");
    }
    if (!response.ok) {
      throw new ResponseError(response.status, readDetail(text) ?? `the service answered ${response.status}`);
    }
    return parseJson<T>(text);
  };
}

function readDetail(text: string): string | null {
  try {
    return (JSON.parse(text) as Problem).detail ?? null;
  } catch {
    return null;
  }
}
