// Event type patterns as the service matches them: `checkout.*`, `checkout.>`, or an exact type.

/** Whether any of the patterns matches the type; an empty list matches every type. */
export function matches(patterns: readonly string[], type: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => matchesOne(pattern, type));
}

function matchesOne(pattern: string, type: string): boolean {
  const expected = pattern.split(".");
  const tokens = type.split(".");
  const last = expected.length - 1;
  for (const [number, token] of expected.entries()) {
    if (token === ">" && number === last) return tokens.length > number;
    if (number >= tokens.length || (token !== "*" && token !== tokens[number])) return false;
  }
  return pattern === type || tokens.length === expected.length;
}

/** Returns the patterns with `pattern` added, or removed if it is among them. */
export function toggled(patterns: readonly string[], pattern: string): string[] {
  return patterns.includes(pattern) ? patterns.filter((one) => one !== pattern) : [...patterns, pattern];
}

/** Returns why a text is not a pattern; null if it is one. */
export function patternError(text: string): string | null {
  if ([...text].length > 128) return "An event type has at most 128 characters.";
  return /\p{C}/u.test(text) ? "An event type has only printable characters." : null;
}

/** Returns why a text is not a user id; null if it is one. */
export function userError(text: string): string | null {
  return [...text].length > 200 ? "A user id has at most 200 characters." : null;
}
