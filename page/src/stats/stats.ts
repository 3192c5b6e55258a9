// The numbers of the read model for the chosen range and types.

import { computed, effect, signal, untracked } from "@preact/signals";
import type { OtherTotals, Stats, TopValues } from "../api/contract.ts";
import type { Get } from "../api/http.ts";
import type { Lookups } from "../api/lookups.ts";
import { type Failure, poll } from "../api/polling.ts";
import type { ServiceTime } from "../api/service_time.ts";
import type { View } from "../view/view.ts";
import { fittingRange } from "./fitting_range.ts";
import { mainRequest, pathsRequest, type Question, typesRequest } from "./requests.ts";
import { wholeSeries } from "./series.ts";

export interface Answer {
  stats: Stats;
  question: Question;
  /** When it arrived, this machine's clock, ms. */
  at: number;
}

export interface Paths {
  question: Question;
  /** null: not available, because of `failure`. */
  top: TopValues | null;
  failure: Failure | null;
}

export class StatsStore {
  readonly answer = signal<Answer | null>(null);
  /** Why `answer` is not current; null: it is. */
  readonly failure = signal<Failure | null>(null);
  readonly paths = signal<Paths | null>(null);
  /** The types of the range, the most frequent first, regardless of the filter. */
  readonly types = signal<Stats["by_type"] | null>(null);
  /** The types of the range that are not among `types`; null: none. */
  readonly otherTypes = signal<OtherTotals | null>(null);
  /** Why the period before is not available; null: it is. */
  readonly comparisonFailure = signal<string | null>(null);
  /** For an empty range: the time of the newest event, ms; null: none, or unknown. */
  readonly newest = signal<number | null>(null);

  /** Whether the chart should show the unique users of each bucket, not its events. */
  readonly showsUsers = signal(false);

  /** The series of the range, without gaps. */
  readonly series = computed(() => {
    if (!this.answer.value) return null;
    const { stats } = this.answer.value;
    const from = stats.from === null ? null : Date.parse(stats.from);
    const to = stats.to === null ? null : Date.parse(stats.to);
    const rest = stats.other_types?.series ?? [];
    return wholeSeries(stats.series, rest, stats.buckets, stats.users_per_bucket, stats.bucket, from, to);
  });

  readonly #get: Get;
  readonly #lookups: Lookups;
  readonly #time: ServiceTime;
  // as text: a new user filter gives the same types, and must not repeat the requests
  readonly #types = computed(() => JSON.stringify(this.#view.selection.value.types));
  /** null: no range is known yet. */
  readonly #question = computed<Question | null>(() => {
    const range = this.#view.range.value;
    return range && { range, types: JSON.parse(this.#types.value), zone: this.#zone };
  });
  /** Whether what is shown answers an earlier question. */
  readonly outdated = computed(() => this.answer.value !== null && this.answer.value.question !== this.#question.value);
  readonly pathsOutdated = computed(
    () => this.paths.value !== null && this.paths.value.question !== this.#question.value,
  );
  readonly #view: View;
  readonly #zone: string;

  constructor(get: Get, lookups: Lookups, time: ServiceTime, view: View, zone: string) {
    this.#get = get;
    this.#lookups = lookups;
    this.#time = time;
    this.#view = view;
    this.#zone = zone;
  }

  /** Requests everything, again and again. */
  start(): void {
    if (this.#view.range.value === null) void this.#findRange();
    effect(() => {
      const question = this.#question.value;
      const perBucket = this.showsUsers.value;
      this.comparisonFailure.value = null;
      return question ? untracked(() => this.#pollMain(question, perBucket)) : undefined;
    });
    effect(() => {
      const question = this.#question.value;
      return question ? this.#pollPaths(question) : undefined;
    });
    effect(() => {
      const question = this.#question.value;
      if (question === null || question.types.length === 0) return;
      return poll<Stats>(this.#get, () => typesRequest(question, this.#time.now()), {
        success: (stats) => this.#showTypes(stats),
        failure() {},
      });
    });
    effect(() => {
      const question = this.#question.value;
      const answer = this.answer.value;
      const isEmpty = answer?.question === question && answer?.stats.totals.events === 0 && question?.range.ms !== null;
      if (!isEmpty || question === null) this.newest.value = null;
      else if (this.newest.peek() === null) void this.#findNewest(question);
    });
  }

  async #findRange(): Promise<void> {
    this.#view.fittingRange.value = await fittingRange(this.#get, this.#time.now());
  }

  #pollMain(question: Question, perBucket: boolean): () => void {
    let compare = true;
    let stop = (): void => {};
    const start = (): void => {
      stop = poll<Stats>(this.#get, () => mainRequest(question, compare, perBucket, this.#time.now()), {
        success: (stats) => {
          this.answer.value = { stats, question, at: Date.now() };
          this.failure.value = null;
          if (question.types.length === 0) this.#showTypes(stats);
        },
        failure: (failure) => {
          if (failure.final && compare && question.range.ms !== null) {
            // the period before may be past retention while the range itself is not
            this.comparisonFailure.value = failure.reason;
            compare = false;
            start();
          } else this.failure.value = failure;
        },
      });
    };
    start();
    return () => stop();
  }

  #pollPaths(question: Question): () => void {
    return poll<Stats>(this.#get, () => pathsRequest(question, this.#time.now()), {
      success: ({ top }) => {
        this.paths.value = { question, top, failure: null };
      },
      failure: (failure) => {
        const shown = this.paths.peek();
        if (!failure.final && shown?.question === question) this.paths.value = { ...shown, failure };
        else this.paths.value = { question, top: null, failure };
      },
    });
  }

  async #findNewest(question: Question): Promise<void> {
    const time = await this.#lookups.newestTime({ types: question.types, user: null });
    if (this.#question.peek() === question) this.newest.value = time;
  }

  #showTypes(stats: Stats): void {
    this.otherTypes.value = stats.other_types;
    this.types.value = stats.by_type.toSorted((one, other) => other.events - one.events);
  }
}
