// The state of the stream in a few words.

import { count, many } from "../format/numbers.ts";
import type { Connection } from "./client.ts";
import type { Speed } from "./request.ts";

export type Tone = "live" | "past" | "wait" | "bad";

export interface Headline {
  tone: Tone;
  text: string;
  /** For screen readers: the same without what changes every second. */
  spoken: string;
}

export interface Situation {
  connection: Connection;
  /** null: the stream is of now. */
  replay: Speed | null;
  paused: boolean;
  caughtUp: boolean;
  /** Log entries that have not come yet, as far as is known. */
  behind: number;
  now: number;
}

export function headline({ connection, replay, paused, caughtUp, behind, now }: Situation): Headline {
  if (connection.kind === "refused") return say("bad", `Refused: ${connection.reason}`);
  if (paused) return say("wait", behind ? `Paused, ${count(behind)} behind` : "Paused", "Paused");
  if (connection.kind === "waiting") {
    const seconds = Math.max(0, Math.ceil((connection.until - now) / 1000));
    const why = connection.reason ? `: ${connection.reason}` : "";
    return say("bad", `Disconnected, trying again in ${seconds} s`, `Disconnected${why}. Trying again.`);
  }
  if (connection.kind !== "open") return say("wait", "Connecting");
  if (replay !== null) return say("past", `Replaying ${speedName(replay)}`);
  if (!caughtUp)
    return say(
      "wait",
      behind ? `Catching up, ${many(behind, "entry", "entries")} behind` : "Catching up",
      "Catching up",
    );
  return say("live", "Live");
}

function say(tone: Tone, text: string, spoken = text): Headline {
  return { tone, text, spoken };
}

/** "at 10×" */
export function speedName(speed: Speed): string {
  return speed === "max" ? "as fast as it goes" : `at ${count(speed)}×`;
}
