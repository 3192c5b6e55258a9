// The range by a dimension of one of the user's rollups, with each of its measures.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Json } from "../api/contract.ts";
import { plain } from "../api/json.ts";
import { poll } from "../api/polling.ts";
import { Bar } from "../components/breakdown.tsx";
import { AllUsers } from "../components/filter.tsx";
import { count, many } from "../format/numbers.ts";
import { dayAndTime } from "../format/times.ts";
import { useModel } from "../model.ts";
import { type Dimension, dimensions, type Listed, type Rows, rowsRequest, SHOWN, wholeBuckets } from "./questions.ts";

const LIST_INTERVAL = 30_000; // ms

/** Shows nothing as long as no rollup has a dimension. */
export function RollupsPanel(): JSX.Element | null {
  const found = useDimensions();
  const [id, setId] = useState<string | null>(null);
  const chosen = found.find((one) => one.id === id) ?? found[0];
  if (chosen === undefined) return null;
  return (
    <section class="panel rollups" aria-labelledby="rollups-title">
      <header class="panel-head">
        <h2 id="rollups-title">
          Your rollups
          <AllUsers />
        </h2>
        <label class="type-choice">
          <span>by</span>
          <select value={chosen.id} onChange={(event) => setId(event.currentTarget.value)}>
            {found.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name} · {one.rollup.name}
              </option>
            ))}
          </select>
        </label>
      </header>
      <Values key={chosen.id} dimension={chosen} />
    </section>
  );
}

function useDimensions(): Dimension[] {
  const { get } = useModel();
  const [found, setFound] = useState<Dimension[]>([]);
  useEffect(() => {
    const unmounted = new AbortController();
    const list = (): void => {
      get<{ projections: Listed[] }>("/projections", { signal: unmounted.signal }).then(
        ({ projections }) => setFound(dimensions(projections)),
        () => {}, // the list of before stays
      );
    };
    list();
    const timer = setInterval(list, LIST_INTERVAL);
    return () => {
      clearInterval(timer);
      unmounted.abort();
    };
  }, [get]);
  return found;
}

function Values({ dimension }: { dimension: Dimension }): JSX.Element {
  const { get, time, view } = useModel();
  const { measures, buckets } = dimension.rollup;
  const [order, setOrder] = useState(measures[0] ?? "");
  const [answer, setAnswer] = useState<Rows | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const range = view.range.value;
  useEffect(() => {
    if (range === null) return;
    return poll<Rows>(get, () => rowsRequest(dimension, order, range, time.now()), {
      success: (rows) => {
        setAnswer(rows);
        setFailure(null);
      },
      failure: ({ reason }) => setFailure(reason),
    });
  }, [get, time, dimension.id, order, range]);
  const from = range && wholeBuckets(range, dimension.rollup, time.now())?.from;
  const largest = Math.max(...(answer?.rows.map((row) => amount(row[order])) ?? []), 0);
  return (
    <>
      <div class="scrolls">
        <table class="bars">
          <thead>
            <tr>
              <th scope="col">{dimension.name}</th>
              {measures.map((measure) => (
                <th scope="col" key={measure} aria-sort={measure === order ? "descending" : "none"}>
                  <button type="button" class="link" onClick={() => setOrder(measure)}>
                    {measure}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {answer?.rows.map((row) => (
              <tr key={JSON.stringify([row["other"] ?? false, row[dimension.name]])}>
                <th scope="row">
                  <span class="path">{named(row, dimension.name)}</span>
                  <Bar share={share(row[order], largest)} />
                </th>
                {measures.map((measure) => (
                  <td class="number" key={measure}>
                    {shown(row[measure])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="rest">
        {answer?.more && <>Only the largest {SHOWN} are shown · </>}
        {answer?.rows.some((row) => measures.some((measure) => row[measure] === null)) && (
          <>–: not known for this range, such as users that are kept per day · </>
        )}
        {answer?.limit_reached && <>Some values are counted as other · </>}
        In whole {buckets[0]}s (UTC){typeof from === "number" && <>, from {dayAndTime(from, Date.now())}</>}
      </p>
      {answer?.rows.length === 0 && <p class="nothing">{many(0, "event")} in this range.</p>}
      {failure !== null && <p class="nothing">The last request failed: {failure}.</p>}
    </>
  );
}

function named(row: Record<string, Json>, dimension: string): string | JSX.Element {
  if (row["other"] === true) return <em>other values</em>;
  const value = row[dimension];
  if (value === null || value === undefined) return <em>none</em>;
  return value === "" ? <em>empty text</em> : plain(value);
}

/** A measure for display; a number of users is null where shorter buckets were needed than keep users. */
function shown(value: Json | undefined): string {
  if (value === null || value === undefined) return "–";
  return typeof value === "number" ? count(value) : plain(value);
}

function amount(value: Json | undefined): number {
  return value === null || value === undefined ? 0 : Number(plain(value));
}

function share(value: Json | undefined, largest: number): number {
  return largest > 0 ? Math.max(amount(value), 0) / largest : 0;
}
