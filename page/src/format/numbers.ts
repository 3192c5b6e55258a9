// Numbers for display, in the browser's locale.

const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const shorter = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 3 });
const small = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const share = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const change = new Intl.NumberFormat(undefined, {
  style: "percent",
  maximumFractionDigits: 0,
  signDisplay: "exceptZero",
});
const smallChange = new Intl.NumberFormat(undefined, {
  style: "percent",
  maximumFractionDigits: 1,
  signDisplay: "exceptZero",
});

export function count(value: number): string {
  return whole.format(value);
}

/** For axes: 1.2K. */
export function compact(value: number): string {
  return short.format(value);
}

/** For headlines: all digits up to ten million, then 12.3M. */
export function headline(value: number): string {
  return value < 10_000_000 ? whole.format(value) : shorter.format(value);
}

/** A rate or ratio, with decimals only for small values. A positive rate never shows as 0. */
export function rate(value: number): string {
  if (value > 0 && value < 0.1) return `<${small.format(0.1)}`;
  return value < 100 ? small.format(value) : whole.format(Math.round(value));
}

export function percent(part: number, whole: number): string {
  if (whole === 0) return share.format(0);
  return part > 0 && part / whole < 0.01 ? `<${share.format(0.01)}` : share.format(part / whole);
}

/** The change from `before`, as a percentage or a factor; null if `before` is 0. */
export function difference(now: number, before: number): string | null {
  if (before === 0) return null;
  const ratio = (now - before) / before;
  if (ratio >= 10) return `${rate(now / before)}×`;
  return (Math.abs(ratio) < 0.1 ? smallChange : change).format(ratio);
}

/** "1 event", "2 events". */
export function many(value: number, thing: string, things = `${thing}s`): string {
  return `${whole.format(value)} ${value === 1 ? thing : things}`;
}
