// The numbers of the read model for the chosen range and types.

import { computed, effect, signal, untracked } from "@preact/signals";
import type { OtherTotals, Properties, Stats, TopValues } from "../api/contract.ts";
import type { Get } from "../api/http.ts";
import type { Lookups } from "../api/lookups.ts";
import { type Failure, poll } from "../api/polling.ts";
import type { ServiceTime } from "../api/service_time.ts";
import { timeZone } from "../format/times.ts";
import type { View } from "../view/view.ts";
import { type Breakdown, chooseBreakdown } from "./breakdowns.ts";
import { fittingRange } from "./fitting_range.ts";
import { breakdownRequest, mainRequest, propertiesRequest, type Question, typesRequest } from "./requests.ts";
import { wholeSeries } from "./series.ts";

const PROPERTIES_INTERVAL = 30_000; // ms
const MOST_VALUES = 8; // more would not fit into the panel's height

export interface Answer {
  stats: Stats;
  question: Question;
  /** When it arrived, this machine's clock, ms. */
  at: number;
}

/** The most frequent values of a property, without null. */
export interface Values {
  question: Question;
  breakdown: Breakdown;
  /** null: not available, because of `failure`. */
  top: TopValues | null;
  failure: Failure | null;
}

export class StatsStore {
  readonly answer = signal<Answer | null>(null);
  /** Why `answer` is not current; null: it is. */
  readonly failure = signal<Failure | null>(null);
  /** The properties that the newest events of the range have; null: unknown. */
  readonly properties = signal<Properties | null>(null);
  readonly values = signal<Values | null>(null);
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

  /** The question that is shown, or will be. */
  get question(): Question | null {
    return this.#question.value;
  }

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
  readonly #asked = computed(() => {
    const { types, where } = this.#view.selection.value;
    return JSON.stringify({ types, where });
  });
  /** null: no range is known yet. */
  readonly #question = computed<Question | null>(() => {
    const range = this.#view.range.value;
    return range && { range, ...JSON.parse(this.#asked.value), zone: timeZone.value };
  });
  /** What the values are of. As text first: a new list of properties mostly gives the same breakdown. */
  readonly #breakdownText = computed(() =>
    JSON.stringify(chooseBreakdown(this.#view.breakdown.value, this.properties.value)),
  );
  readonly breakdown = computed<Breakdown>(() => JSON.parse(this.#breakdownText.value));
  /** Whether what is shown answers an earlier question. */
  readonly outdated = computed(() => this.answer.value !== null && this.answer.value.question !== this.#question.value);
  readonly valuesOutdated = computed(() => {
    const values = this.values.value;
    return values !== null && (values.question !== this.#question.value || values.breakdown !== this.breakdown.value);
  });
  readonly #view: View;

  constructor(get: Get, lookups: Lookups, time: ServiceTime, view: View) {
    this.#get = get;
    this.#lookups = lookups;
    this.#time = time;
    this.#view = view;
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
      if (question === null) return undefined;
      return poll<Properties>(
        this.#get,
        () => propertiesRequest(question, this.#time.now()),
        {
          success: (found) => {
            this.properties.value = found;
          },
          failure: () => {
            this.properties.value ??= { properties: [], sampled: 0, partial: true };
          },
        },
        PROPERTIES_INTERVAL,
      );
    });
    effect(() => {
      const question = this.#question.value;
      // without the list it is unknown which property comes first
      if (question === null || (this.properties.value === null && this.#view.breakdown.value === null))
        return undefined;
      return this.#pollValues(question, this.breakdown.value);
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

  #pollValues(question: Question, breakdown: Breakdown): () => void {
    return poll<Stats>(this.#get, () => breakdownRequest(question, breakdown, MOST_VALUES + 1, this.#time.now()), {
      success: ({ top }) => {
        this.values.value = { question, breakdown, top: top && withoutNull(top), failure: null };
      },
      failure: (failure) => {
        const shown = this.values.peek();
        if (!failure.final && shown?.question === question && shown.breakdown === breakdown) {
          this.values.value = { ...shown, failure };
        } else this.values.value = { question, breakdown, top: null, failure };
      },
    });
  }

  async #findNewest(question: Question): Promise<void> {
    const time = await this.#lookups.newestTime({ types: question.types, user: null, where: question.where });
    if (this.#question.peek() === question) this.newest.value = time;
  }

  #showTypes(stats: Stats): void {
    this.otherTypes.value = stats.other_types;
    this.types.value = stats.by_type.toSorted((one, other) => other.events - one.events);
  }
}

/** Counts events with null as events without the property, and those beyond MOST_VALUES as other ones. */
function withoutNull(top: TopValues): TopValues {
  const all = top.values.filter(({ value }) => value !== null);
  const values = all.slice(0, MOST_VALUES);
  return {
    ...top,
    values,
    other: all.slice(MOST_VALUES).reduce((sum, { events }) => sum + events, top.other),
    missing: top.values.reduce((sum, { value, events }) => sum + (value === null ? events : 0), top.missing),
  };
}
