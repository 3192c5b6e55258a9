// Remembering across visits; a browser may forbid it.

export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`tailrace.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`tailrace.${key}`);
    else localStorage.setItem(`tailrace.${key}`, value);
  } catch {
    // then it holds until the page is left
  }
}
