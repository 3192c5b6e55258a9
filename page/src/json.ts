// JSON whose integers keep all of their digits: ids have up to 64 bits, a number here 53.

import type { Json, RawJson } from "./contract.ts";

interface WithSources {
  parse(text: string, reviver: (key: string, value: unknown, context?: { source?: string }) => unknown): unknown;
  rawJSON?(text: string): RawJson;
}

const json = JSON as unknown as WithSources;
const LONG = /\d{16}/;
const LONG_USER = /(?<!\\)"user_id":\s*(-?\d{16,})(?=\s*[,}])/g;

/** Parses a text of the service. */
export function parseJson<T>(text: string): T {
  // what has at most 15 digits is exact as it is, and that is nearly everything
  if (!LONG.test(text)) return JSON.parse(text) as T;
  // a browser that doesn't give the digits away gets at least the users' ids as text
  return (json.rawJSON ? json.parse(text, exact) : JSON.parse(text.replace(LONG_USER, '"user_id":"$1"'))) as T;
}

function exact(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !context?.source) return value;
  return /^-?\d+$/.test(context.source) && json.rawJSON ? json.rawJSON(context.source) : value;
}

/** A scalar as people read it, all digits included; anything else as JSON. */
export function plain(value: Json): string {
  if (typeof value === "string") return value;
  if (isRaw(value)) return value.rawJSON;
  return JSON.stringify(value);
}

/** Whether a value is an integer that was kept digit by digit. */
export function isRaw(value: Json): value is RawJson {
  // such an object is the only one without a prototype
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.getPrototypeOf(value) === null;
}
