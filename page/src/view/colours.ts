// The colour of an event type. It depends only on the type's name, so it is the same for everyone, always.

export const COLOURS = 24; // --series-0 … --series-23
const SEED = 41_111; // gives the most common types hues that are far apart
const MOST_LAYERS = 10; // thinner layers of a stack cannot be distinguished

/** Returns the number of a type's colour: a hash (as FNV-1a) of its name. */
export function colourNumber(type: string): number {
  let hash = SEED;
  for (let index = 0; index < type.length; index += 1) {
    hash = Math.imul(hash ^ type.charCodeAt(index), 0x01000193);
  }
  hash ^= hash >>> 15;
  return (hash >>> 0) % COLOURS;
}

/** Returns a type's colour for CSS. */
export function colourOf(type: string): string {
  return `var(--series-${colourNumber(type)})`;
}

export interface Layer {
  /** null: no single type. */
  type: string | null;
  name: string;
  values: number[];
}

/**
 * Returns the layers of a stack by name: one for each of the most frequent types, and one for the others, those
 * without a name included.
 */
export function layers(byType: ReadonlyMap<string, number[]>, others: number[] | null = null): Layer[] {
  const ranked = [...byType].map(([type, values]) => ({
    type,
    name: type,
    values,
    total: values.reduce((sum, one) => sum + one, 0),
  }));
  ranked.sort((one, other) => other.total - one.total || compare(one.type, other.type));
  const named: Layer[] = ranked.slice(0, MOST_LAYERS).sort((one, other) => compare(one.type, other.type));
  const rest = ranked.slice(MOST_LAYERS).map(({ values }) => values);
  if (others) rest.push(others);
  if (rest.length === 0) return named;
  const values = rest[0]?.map((_, index) => rest.reduce((sum, one) => sum + (one[index] ?? 0), 0)) ?? [];
  return [...named, { type: null, name: "other types", values }];
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
