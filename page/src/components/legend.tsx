import type { JSX } from "preact";
import { matches, toggled } from "../patterns.ts";
import { colourOf, slotOf } from "../state/colours.ts";
import { selection } from "../state/view.ts";
import { select } from "../stream/control.ts";

const MOST = 12;

/** Shows or hides a type everywhere. */
export function toggleType(type: string): void {
  select({ ...selection.value, types: toggled(selection.value.types, type) });
}

/** Types with their colours; each is a filter. */
export function Legend({ types }: { types: readonly string[] }): JSX.Element {
  const order = (type: string): number => slotOf(type) ?? Number.POSITIVE_INFINITY;
  const chosen = selection.value.types;
  // those that are chosen stay there, also when none of them comes
  const exact = chosen.filter((type) => !types.includes(type) && !/[*>]/.test(type));
  const shown = [...types, ...exact].sort((one, other) => order(one) - order(other) || one.localeCompare(other));
  return (
    <ul class="legend" aria-label="Types: choose which to show">
      {shown.slice(0, MOST).map((type) => (
        <li key={type}>
          <button
            type="button"
            class="legend-type"
            aria-pressed={chosen.length > 0 && matches(chosen, type)}
            onClick={() => toggleType(type)}
          >
            <Swatch type={type} />
            {type}
          </button>
        </li>
      ))}
    </ul>
  );
}

export function Swatch({ type }: { type: string }): JSX.Element {
  return <span class="swatch" style={{ background: colourOf(type) }} />;
}
