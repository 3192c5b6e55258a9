// What the values of a property can be chosen from: ready breakdowns of web requests, and every property that occurs.

import type { Properties } from "../api/contract.ts";
import { shortName } from "../view/where.ts";

export interface Breakdown {
  /** For links. */
  id: string;
  label: string;
  property: string;
  /** Conditions of only this breakdown. */
  where: readonly string[];
}

const READY: readonly Breakdown[] = [
  ready("pages", "Pages", "path", ["event_data.asset:false"]),
  ready("statuses", "Status codes", "status"),
  ready("referrers", "Referrers", "referrer_domain"),
  ready("browsers", "Browsers", "browser"),
  ready("bots", "Bots", "bot"),
  ready("methods", "Methods", "method"),
];
const WEB = "event_data.asset"; // only imported web requests have it
export const PATH = "event_data.path";

function ready(id: string, label: string, name: string, where: readonly string[] = []): Breakdown {
  return { id, label, property: `event_data.${name}`, where };
}

/** Returns the ready breakdowns whose properties occur. */
export function readyBreakdowns(found: Properties | null): Breakdown[] {
  const names = new Set(found?.properties.map(({ name }) => name));
  return names.has(WEB) ? READY.filter(({ property }) => names.has(property)) : [];
}

/** Returns the breakdown by any property. */
export function breakdownBy(property: string): Breakdown {
  return { id: property, label: shortName(property), property, where: [] };
}

/** Returns the breakdown with this id; without one, the first that fits the properties. */
export function chooseBreakdown(id: string | null, found: Properties | null): Breakdown {
  if (id !== null) return READY.find((one) => one.id === id) ?? breakdownBy(id);
  const [first] = readyBreakdowns(found);
  if (first) return first;
  const names = found?.properties ?? [];
  const fits = names.find(({ name }) => name === PATH) ?? names.find(({ values, events }) => values < events / 2);
  return breakdownBy((fits ?? names[0])?.name ?? PATH);
}
