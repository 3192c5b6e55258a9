// Icons as outlines in the colour of the text.

import type { JSX } from "preact";

const OUTLINES = {
  pause: "M8 5v14M16 5v14",
  play: "M7 4.5v15l12-7.5z",
  rewind: "M11 6 4 12l7 6zM20 6l-7 6 7 6z",
  now: "M5 5l8 7-8 7zM17 5v14",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5 19 19M19 5l-1.5 1.5M6.5 17.5 5 19",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  keys: "M3 6.5h18v11H3zM7 10h.01M10.3 10h.01M13.6 10h.01M17 10h.01M8 14h8",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  done: "M5 12.5l4.5 4.5L19 7",
  warn: "M12 3.5 2.5 20h19zM12 10v4.5M12 17.3v.1",
};

export function Icon({ name }: { name: keyof typeof OUTLINES }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={OUTLINES[name]} />
    </svg>
  );
}

export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M7 12.5q4.5-5 9 0t9 0M7 20.5q4.5-5 9 0t9 0" />
    </svg>
  );
}
