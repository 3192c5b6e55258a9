// Which users of each week's cohort return: a heat map of /retention, requested when it is opened.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Retention, RetentionBucket } from "../api/contract.ts";
import { count, many, percent } from "../format/numbers.ts";
import { bucketName, timeZone } from "../format/times.ts";
import { useModel } from "../model.ts";
import { retentionRequest } from "../stats/requests.ts";
import { Segments } from "./segments.tsx";

const BUCKETS: readonly RetentionBucket[] = ["day", "week", "month"];
const NAMES = { day: "Days", week: "Weeks", month: "Months" };
const FIRST = ["sign_up", "signup", "user.created"];

export function RetentionPanel(): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <details class="panel retention" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>Retention</h2>
        <span class="hint">How many users come back</span>
      </summary>
      {open && <Opened />}
    </details>
  );
}

function Opened(): JSX.Element {
  const { get, stats } = useModel();
  const types = stats.types.value?.map(({ event_type: type }) => type) ?? [];
  const [chosen, setCohort] = useState<string | null>(null);
  const [returning, setReturning] = useState("");
  const [bucket, setBucket] = useState<RetentionBucket>("week");
  const [answer, setAnswer] = useState<Retention | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const cohort = chosen ?? types.find((type) => FIRST.includes(type)) ?? types[0] ?? null;

  useEffect(() => {
    if (cohort === null) return;
    const replaced = new AbortController();
    const { signal } = replaced;
    get<Retention>(retentionRequest({ cohort, returning, bucket, zone: timeZone.value }), { signal }).then(
      (found) => {
        setAnswer(found);
        setFailure(null);
      },
      (error: unknown) => signal.aborted || setFailure(error instanceof Error ? error.message : String(error)),
    );
    return () => replaced.abort();
  }, [get, cohort, returning, bucket]);

  return (
    <>
      <div class="retention-choices">
        <TypeChoice label="Users who first sent" types={types} chosen={cohort ?? ""} choose={setCohort} />
        <TypeChoice label="and return with" types={types} chosen={returning} any="any event" choose={setReturning} />
        <Segments
          label="Length of a cohort"
          options={BUCKETS}
          chosen={bucket}
          name={(one) => NAMES[one]}
          choose={setBucket}
        />
      </div>
      {failure !== null && <p class="nothing">The last request failed: {failure}.</p>}
      {answer && <HeatMap answer={answer} />}
    </>
  );
}

interface TypeChoiceProps {
  label: string;
  types: readonly string[];
  chosen: string;
  /** The name of the choice of all types. */
  any?: string;
  choose: (type: string) => void;
}

function TypeChoice({ label, types, chosen, any, choose }: TypeChoiceProps): JSX.Element {
  return (
    <label class="type-choice">
      <span>{label}</span>
      <select value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
        {any !== undefined && <option value="">{any}</option>}
        {types.map((type) => (
          <option key={type} value={type}>
            {type}
          </option>
        ))}
      </select>
    </label>
  );
}

function HeatMap({ answer }: { answer: Retention }): JSX.Element {
  const cohorts = answer.cohorts.filter(({ users }) => users > 0);
  if (cohorts.length === 0) return <p class="nothing">No user has such an event in this time.</p>;
  const length = Math.max(...cohorts.map(({ returning }) => returning.length));
  return (
    <div class="scrolls">
      <table class="heat">
        <thead>
          <tr>
            <th scope="col">Cohort</th>
            <th scope="col">Users</th>
            {Array.from({ length }, (_, later) => (
              <th scope="col" key={later}>
                {later === 0 ? `Same ${answer.bucket}` : `+${later}`}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {cohorts.map(({ bucket, users, returning }) => (
            <tr key={bucket}>
              <th scope="row">{bucketName(Date.parse(bucket), answer.bucket)}</th>
              <td class="number">{count(users)}</td>
              {returning.map((back, later) => (
                <td
                  key={later}
                  class="cell"
                  style={{ "--share": `${Math.round((100 * back) / users)}%` }}
                  title={`${count(back)} of ${many(users, "user")}`}
                >
                  {percent(back, users)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
