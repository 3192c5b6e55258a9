import type { JSX } from "preact";
import { useId } from "preact/hooks";

interface SegmentsProps<T> {
  label: string;
  options: readonly T[];
  /** null: none. */
  chosen: T | null;
  name: (option: T) => string;
  /** The name for small screens. */
  short?: (option: T) => string;
  choose: (option: T) => void;
}

/** Radio buttons side by side. */
export function Segments<T>({ label, options, chosen, name, short, choose }: SegmentsProps<T>): JSX.Element {
  const group = useId();
  return (
    <fieldset class="segments">
      <legend class="unseen">{label}</legend>
      {options.map((option) => (
        <label key={name(option)}>
          <input
            type="radio"
            name={group}
            aria-label={name(option)}
            checked={option === chosen}
            onChange={() => choose(option)}
          />
          <span data-short={short?.(option)}>
            <span>{name(option)}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
