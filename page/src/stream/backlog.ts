// How far the stream is behind the log's end.

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Cursor, Status } from "../api/contract.ts";
import { seqOf } from "../api/cursors.ts";

export class Backlog {
  readonly #seen = signal(0); // sequence of the last entry that arrived
  readonly #end = signal<number | null>(null); // sequence of the log's last entry; null: unknown
  readonly #status: ReadonlySignal<Status | null | undefined>;

  /** Entries that have not arrived yet, as far as is known. */
  readonly size = computed(() =>
    Math.max(0, Math.max(this.#end.value ?? 0, this.#status.value?.last_seq ?? 0) - this.#seen.value),
  );
  /** Whether the log has no entry; null: unknown. */
  readonly logIsEmpty = computed(() =>
    this.#end.value === null ? null : Math.max(this.#end.value, this.#seen.value) === 0,
  );

  constructor(status: ReadonlySignal<Status | null | undefined>) {
    this.#status = status;
  }

  /** Follows the log's end while the page is open. */
  start(): void {
    effect(() => {
      const end = this.#status.value?.last_seq;
      if (end != null) this.#end.value = Math.max(this.#end.peek() ?? 0, end);
    });
  }

  learnEnd(last: Cursor | null): void {
    this.#end.value = last === null ? 0 : seqOf(last);
  }

  moveTo(cursor: Cursor | null): void {
    if (cursor) this.#seen.value = seqOf(cursor);
  }

  /** Starts again with another log. */
  reset(): void {
    this.#seen.value = 0;
  }
}
