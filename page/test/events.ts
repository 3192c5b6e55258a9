import type { LogEvent } from "../src/api/contract.ts";

export const NOW = Date.UTC(2026, 10, 24, 12);

/** Returns events with the sequences `from` to `to`. */
export function events(from: number, to: number): LogEvent[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({
    cursor: `e:${from + index}:00`,
    logged_at: new Date(NOW).toISOString(),
    event_id: `${from + index}`,
    event_type: "click",
    user_id: 1,
    created_at: new Date(NOW).toISOString(),
    event_data: {},
  }));
}
