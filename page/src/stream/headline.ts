// The state of the stream in a few words.

import type { Speed } from "../api/live_request.ts";
import { count, many } from "../format/numbers.ts";
import type { Connection } from "./client.ts";

export type Tone = "live" | "past" | "wait" | "bad";

export interface Headline {
  tone: Tone;
  text: string;
  /** For screen readers: without what changes every second. */
  spoken: string;
}

export interface Situation {
  connection: Connection;
  /** The replay's speed; null: live. */
  replay: Speed | null;
  paused: boolean;
  caughtUp: boolean;
  /** Log entries that have not arrived yet, as far as is known. */
  behind: number;
  now: number;
}

export function headline({ connection, replay, paused, caughtUp, behind, now }: Situation): Headline {
  if (connection.kind === "refused") return make("bad", `Refused: ${connection.reason}`);
  if (paused) return make("wait", behind ? `Paused, ${count(behind)} behind` : "Paused", "Paused");
  if (connection.kind === "waiting") {
    const seconds = Math.max(0, Math.ceil((connection.until - now) / 1000));
    const why = connection.reason ? `: ${connection.reason}` : "";
    return make("bad", `Disconnected, retrying in ${seconds} s`, `Disconnected${why}. Retrying.`);
  }
  if (connection.kind !== "open") return make("wait", "Connecting");
  if (replay !== null) return make("past", `Replaying ${speedName(replay)}`);
  if (!caughtUp) {
    const text = behind ? `Catching up, ${many(behind, "entry", "entries")} behind` : "Catching up";
    return make("wait", text, "Catching up");
  }
  return make("live", "Live");
}

function make(tone: Tone, text: string, spoken = text): Headline {
  return { tone, text, spoken };
}

/** "at 10×" */
export function speedName(speed: Speed): string {
  return speed === "max" ? "at full speed" : `at ${count(speed)}×`;
}
