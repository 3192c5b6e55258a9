// The filter: types and values of properties apply everywhere, a user only to the stream.

import { useSignal } from "@preact/signals";
import type { JSX, TargetedSubmitEvent } from "preact";
import { useEffect } from "preact/hooks";
import { EVERYTHING } from "../api/live_request.ts";
import { useModel } from "../model.ts";
import { patternError, toggled, userError } from "../view/patterns.ts";
import { conditionName } from "../view/where.ts";
import { Icon } from "./icons.tsx";

export const FILTER_ID = "filter-type";

export function FilterForm(): JSX.Element {
  const { stats, stream, view } = useModel();
  const { selection } = view;
  const type = useSignal("");
  const user = useSignal(selection.value.user ?? "");
  const error = useSignal<string | null>(null);
  const chosenUser = selection.value.user;
  // a chip may have removed it
  useEffect(() => {
    user.value = chosenUser ?? "";
  }, [chosenUser]);

  function apply(event?: TargetedSubmitEvent<HTMLFormElement>): void {
    event?.preventDefault();
    const patterns = type.value
      .split(",")
      .map((one) => one.trim())
      .filter(Boolean);
    const userText = user.value.trim();
    error.value = patterns.map(patternError).find(Boolean) ?? (userText ? userError(userText) : null);
    if (error.value !== null) return;
    type.value = "";
    const types = [...new Set([...selection.value.types, ...patterns])];
    const id = userText || null;
    if (patterns.length || id !== selection.value.user) stream.select({ ...selection.value, types, user: id });
  }

  return (
    <search aria-label="Filter">
      <form class="filter" onSubmit={apply} noValidate>
        <label class="unseen" for={FILTER_ID}>
          Event type; * matches any part
        </label>
        <input
          id={FILTER_ID}
          type="text"
          list="filter-types"
          placeholder="Event type, or checkout.*"
          autocomplete="off"
          spellcheck={false}
          value={type.value}
          aria-invalid={error.value !== null}
          onInput={(event) => {
            type.value = event.currentTarget.value;
          }}
        />
        <datalist id="filter-types">
          {stats.types.value?.map(({ event_type }) => (
            <option key={event_type} value={event_type} />
          ))}
        </datalist>
        <label class="unseen" for="filter-user">
          User id
        </label>
        <input
          id="filter-user"
          class="filter-user"
          type="text"
          placeholder="User id"
          autocomplete="off"
          value={user.value}
          aria-invalid={error.value !== null}
          onInput={(event) => {
            user.value = event.currentTarget.value;
          }}
          onChange={() => apply()}
        />
        <button type="submit" class="button">
          Filter
        </button>
        {error.value && (
          <p class="field-error" role="alert">
            {error.value}
          </p>
        )}
      </form>
    </search>
  );
}

/** The filters in use; each can be removed. */
export function FilterChips(): JSX.Element | null {
  const { stream, view } = useModel();
  const selection = view.selection.value;
  const { types, user, where } = selection;
  if (types.length === 0 && user === null && where.length === 0) return null;
  return (
    <section class="chips" aria-label="Active filters">
      {/* first, so that it stays where it is when chips come and go */}
      <button type="button" class="button small" onClick={() => stream.select(EVERYTHING)}>
        Show everything
      </button>
      <span class="chips-name">Filtered by</span>
      {types.map((type) => (
        <Chip key={type} name={type} remove={() => stream.select({ ...selection, types: toggled(types, type) })} />
      ))}
      {where.map((condition) => (
        <Chip
          key={condition}
          name={conditionName(condition)}
          remove={() => stream.select({ ...selection, where: toggled(where, condition) })}
        />
      ))}
      {user !== null && (
        <Chip name={`user ${user}`} note="stream only" remove={() => stream.select({ ...selection, user: null })} />
      )}
    </section>
  );
}

/** Marks numbers that include all users while the stream shows only one. */
export function AllUsers(): JSX.Element | null {
  return useModel().view.selection.value.user === null ? null : <span class="tag plain">all users</span>;
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
