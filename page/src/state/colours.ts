// Which colour a type has: the first types that are seen keep theirs, all others share one.

import { signal } from "@preact/signals";

export const SLOTS = 8;

const slots = signal<ReadonlyMap<string, number>>(new Map());
let waiting: Set<string> | null = new Set();

/** Types that came along: they get what colours are left, once it is known which types there are. */
export function noticeTypes(types: Iterable<string>): void {
  if (waiting) for (const type of types) waiting.add(type);
  else assignColours(types);
}

/** Gives colours to types, the most frequent first, as long as there are any. */
export function assignColours(frequent: Iterable<string>): void {
  const types = [...frequent, ...(waiting ?? [])];
  waiting = null;
  let next = slots.value;
  for (const type of types) {
    if (next.has(type) || next.size >= SLOTS) continue;
    next = new Map(next).set(type, next.size);
  }
  slots.value = next;
}

/** The number of a type's colour; null: the one that all others share. */
export function slotOf(type: string): number | null {
  return slots.value.get(type) ?? null;
}

/** A type's colour, for CSS. */
export function colourOf(type: string): string {
  const slot = slotOf(type);
  return slot === null ? "var(--series-other)" : `var(--series-${slot})`;
}

export interface Slice {
  /** A type; null: all those without a colour of their own. */
  type: string | null;
  slot: number | null;
  values: number[];
}

/** Counts by type as layers of a stack, in the order of their colours, the rest as one. */
export function slices(byType: ReadonlyMap<string, number[]>): Slice[] {
  const coloured: Slice[] = [];
  let rest: number[] | null = null;
  for (const [type, values] of byType) {
    const slot = slotOf(type);
    if (slot !== null) coloured.push({ type, slot, values });
    else rest = rest ? rest.map((one, index) => one + (values[index] ?? 0)) : values;
  }
  coloured.sort((one, other) => (one.slot ?? 0) - (other.slot ?? 0));
  return rest ? [...coloured, { type: null, slot: null, values: rest }] : coloured;
}
