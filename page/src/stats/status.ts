// The state of the pipeline, from /status.

import { signal } from "@preact/signals";
import type { Status } from "../api/contract.ts";
import type { Get } from "../api/http.ts";
import { poll } from "../api/polling.ts";
import type { ServiceTime } from "../api/service_time.ts";

export class StatusStore {
  /** null: the service does not answer; undefined: it has not answered yet. */
  readonly status = signal<Status | null | undefined>(undefined);
  readonly #get: Get;
  readonly #time: ServiceTime;

  constructor(get: Get, time: ServiceTime) {
    this.#get = get;
    this.#time = time;
  }

  start(): () => void {
    return poll<Status>(this.#get, () => "/status", {
      success: (status) => {
        this.status.value = status;
      },
      failure: () => {
        this.status.value = null;
      },
      // this response never comes from the browser's cache, so its date is the service's time
      response: (response, sentAt) => this.#time.learn(response.headers.get("date"), sentAt),
    });
  }
}
