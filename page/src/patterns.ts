// Patterns over event types, as the service has them: `checkout.*`, `checkout.>`, or a type as it is.

/** Whether any of the patterns means the type; none at all mean every type. */
export function matches(patterns: readonly string[], type: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => means(pattern, type));
}

function means(pattern: string, type: string): boolean {
  const wanted = pattern.split(".");
  const tokens = type.split(".");
  const last = wanted.length - 1;
  for (const [number, token] of wanted.entries()) {
    if (token === ">" && number === last) return tokens.length > number;
    if (number >= tokens.length || (token !== "*" && token !== tokens[number])) return false;
  }
  return pattern === type || tokens.length === wanted.length;
}

/** The patterns with one more, or without it if it was there. */
export function toggled(patterns: readonly string[], pattern: string): string[] {
  return patterns.includes(pattern) ? patterns.filter((one) => one !== pattern) : [...patterns, pattern];
}

/** Why a text is no pattern, as a sentence; null if it is one. */
export function faultOfPattern(text: string): string | null {
  if ([...text].length > 128) return "An event type has at most 128 characters.";
  return /\p{C}/u.test(text) ? "An event type has only printable characters." : null;
}

const SMALLEST = -(2n ** 63n);
const LARGEST = 2n ** 63n - 1n;

/** Why a text is no user id, as a sentence; null if it is one. */
export function faultOfUser(text: string): string | null {
  if (!/^-?\d{1,19}$/.test(text)) return "A user id is a whole number.";
  const id = BigInt(text);
  return id < SMALLEST || id > LARGEST ? "A user id has at most 64 bits." : null;
}
