// Settings that outlive a visit. A browser may forbid storage; they then last until the page is closed.

export function readStored(key: string): string | null {
  try {
    return localStorage.getItem(`tailrace.${key}`);
  } catch {
    return null;
  }
}

export function store(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`tailrace.${key}`);
    else localStorage.setItem(`tailrace.${key}`, value);
  } catch {
    // no storage
  }
}
