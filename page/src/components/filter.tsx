// Which events are shown: by type everywhere, by user in the stream.

import { useSignal } from "@preact/signals";
import type { JSX, TargetedSubmitEvent } from "preact";
import { useEffect } from "preact/hooks";
import { faultOfPattern, faultOfUser, toggled } from "../patterns.ts";
import { selection } from "../state/view.ts";
import { typesOfRange } from "../stats/store.ts";
import { select } from "../stream/control.ts";
import { Icon } from "./icons.tsx";

export const FILTER_ID = "filter-type";

export function FilterForm(): JSX.Element {
  const type = useSignal("");
  const user = useSignal(selection.value.user ?? "");
  const fault = useSignal<string | null>(null);
  const chosenUser = selection.value.user;
  // the chips may have taken it away
  useEffect(() => {
    user.value = chosenUser ?? "";
  }, [chosenUser]);

  function apply(event?: TargetedSubmitEvent<HTMLFormElement>): void {
    event?.preventDefault();
    const patterns = type.value
      .split(",")
      .map((one) => one.trim())
      .filter(Boolean);
    const who = user.value.trim();
    fault.value = patterns.map(faultOfPattern).find(Boolean) ?? (who ? faultOfUser(who) : null);
    if (fault.value !== null) return;
    type.value = "";
    const types = [...new Set([...selection.value.types, ...patterns])];
    // -0 and 007 are numbers too
    const id = who ? BigInt(who).toString() : null;
    if (patterns.length || id !== selection.value.user) select({ types, user: id });
  }

  return (
    <search aria-label="Filter">
      <form class="filter" onSubmit={apply} noValidate>
        <label class="unseen" for={FILTER_ID}>
          Only this event type; * stands for any part
        </label>
        <input
          id={FILTER_ID}
          type="text"
          list="filter-types"
          placeholder="Type, or checkout.*"
          autocomplete="off"
          spellcheck={false}
          value={type.value}
          aria-invalid={fault.value !== null}
          onInput={(event) => {
            type.value = event.currentTarget.value;
          }}
        />
        <datalist id="filter-types">
          {typesOfRange.value?.map(({ event_type }) => (
            <option key={event_type} value={event_type} />
          ))}
        </datalist>
        <label class="unseen" for="filter-user">
          Only this user's events
        </label>
        <input
          id="filter-user"
          class="filter-user"
          type="text"
          inputMode="numeric"
          placeholder="User id"
          autocomplete="off"
          value={user.value}
          aria-invalid={fault.value !== null}
          onInput={(event) => {
            user.value = event.currentTarget.value;
          }}
          onChange={() => apply()}
        />
        <button type="submit" class="button">
          Filter
        </button>
        {fault.value && (
          <p class="fault" role="alert">
            {fault.value}
          </p>
        )}
      </form>
    </search>
  );
}

/** What is filtered, each to be taken away. */
export function FilterChips(): JSX.Element | null {
  const { types, user } = selection.value;
  if (types.length === 0 && user === null) return null;
  return (
    <section class="chips" aria-label="Filter in use">
      <span class="chips-name">Only</span>
      {types.map((type) => (
        <Chip key={type} name={type} remove={() => select({ types: toggled(types, type), user })} />
      ))}
      {user !== null && (
        <Chip name={`user ${user}`} note="in the stream" remove={() => select({ types, user: null })} />
      )}
      <button type="button" class="link" onClick={() => select({ types: [], user: null })}>
        Show everything
      </button>
    </section>
  );
}

/** The read model counts everybody: said where the stream shows one user alone. */
export function AllUsers(): JSX.Element | null {
  return selection.value.user === null ? null : <span class="tag plain">all users</span>;
}

function Chip({ name, note, remove }: { name: string; note?: string; remove: () => void }): JSX.Element {
  return (
    <span class="chip">
      {name}
      {note && <small>{note}</small>}
      <button type="button" aria-label={`Remove the filter ${name}`} onClick={remove}>
        <Icon name="close" />
      </button>
    </span>
  );
}
