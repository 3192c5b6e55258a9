import type { JSX } from "preact";
import { useModel } from "../model.ts";
import { colourOf } from "../view/colours.ts";
import { matches, toggled } from "../view/patterns.ts";

const MOST = 12;

/** Returns what adds a type to the filter, or removes it. */
export function useToggleType(): (type: string) => void {
  const { stream, view } = useModel();
  return (type) => {
    const selection = view.selection.value;
    stream.select({ ...selection, types: toggled(selection.types, type) });
  };
}

/** Types with their colours. Each is a filter. */
export function Legend({ types }: { types: readonly string[] }): JSX.Element {
  const chosen = useModel().view.selection.value.types;
  const toggleType = useToggleType();
  // selected types stay listed, also while none of them arrives
  const exact = chosen.filter((type) => !types.includes(type) && !/[*>]/.test(type));
  const shown = [...types, ...exact].sort((one, other) => one.localeCompare(other));
  return (
    <ul class="legend" aria-label="Event types, to filter by">
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
