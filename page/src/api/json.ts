// JSON that keeps all digits of the integers in event data, if the browser can: a JavaScript number holds 53 bits.

import type { Json, RawJson } from "./contract.ts";

interface WithSources {
  parse(text: string, reviver: (key: string, value: unknown, context?: { source?: string }) => unknown): unknown;
  rawJSON?(text: string): RawJson;
}

const json = JSON as unknown as WithSources;
const LONG = /\d{16}/;

/** Parses a response or a frame. */
export function parseJson<T>(text: string): T {
  // up to 15 digits a number is exact
  if (!LONG.test(text)) return JSON.parse(text) as T;
  return (json.rawJSON ? json.parse(text, exact) : JSON.parse(text)) as T;
}

function exact(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !context?.source) return value;
  return /^-?\d+$/.test(context.source) && json.rawJSON ? json.rawJSON(context.source) : value;
}

/** Formats a scalar for display with all its digits, anything else as JSON. */
export function plain(value: Json): string {
  if (typeof value === "string") return value;
  if (isRaw(value)) return value.rawJSON;
  return JSON.stringify(value);
}

/** Whether a value is an integer that was kept as digits. */
export function isRaw(value: Json): value is RawJson {
  // only these objects have no prototype
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.getPrototypeOf(value) === null;
}
