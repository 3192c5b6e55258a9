// Conditions on properties, as `where` of the service has them: `event_data.country:DE`, or without a value for none.

import type { Json, LogEvent } from "../api/contract.ts";
import { isRaw, plain } from "../api/json.ts";

/** Returns the condition that a property has a value; objects, arrays and null are no value. */
export function conditionOf(property: string, value: Json): string {
  const text = textOf(value);
  return text === null ? property : `${property}:${text}`;
}

/** Whether an event fulfils all conditions; conditions on the same property are alternatives. */
export function fulfils(where: readonly string[], event: LogEvent): boolean {
  return where.every((condition) => {
    const [property] = split(condition);
    const found = conditionOf(property, valueAt(event, property));
    return where.some((one) => split(one)[0] === property && one === found);
  });
}

/** Returns a condition's property and value; null: no value. */
export function split(condition: string): [string, string | null] {
  const colon = condition.indexOf(":");
  return colon < 0 ? [condition, null] : [condition.slice(0, colon), condition.slice(colon + 1)];
}

/** Returns a property without the part that all have in common. */
export function shortName(property: string): string {
  return property.replace(/^event_data\./, "");
}

/** "country: DE" */
export function conditionName(condition: string): string {
  const [property, value] = split(condition);
  return `${shortName(property)}: ${value === null ? "none" : value === "" ? "empty" : value}`;
}

/** Whether the service accepts a condition. */
export function isCondition(text: string): boolean {
  return /^event_data(\.[^.:\0]+)+(:[^\0]*)?$/.test(text);
}

function textOf(value: Json): string | null {
  if (value === null || (typeof value === "object" && !isRaw(value))) return null;
  return plain(value);
}

function valueAt(event: LogEvent, property: string): Json {
  let value: Json = event.event_data;
  for (const key of property.split(".").slice(1)) {
    if (typeof value !== "object" || value === null || isRaw(value)) return null;
    const inner: Json | undefined = Array.isArray(value)
      ? value[Number(key)]
      : Object.hasOwn(value, key)
        ? value[key]
        : undefined;
    value = inner ?? null;
  }
  return value;
}
