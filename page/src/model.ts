// Everything behind the page, wired together. main.tsx makes the one that the browser shows; tests make their own.

import { signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { createGet, type Get } from "./api/http.ts";
import { Lookups } from "./api/lookups.ts";
import { ServiceTime } from "./api/service_time.ts";
import { timeZone, timeZones } from "./format/times.ts";
import { StatsStore } from "./stats/stats.ts";
import { StatusStore } from "./stats/status.ts";
import type { OpenSocket } from "./stream/client.ts";
import { Stream } from "./stream/stream.ts";
import type { EventRow } from "./stream/tail.ts";
import { readStored } from "./view/storage.ts";
import { Theme } from "./view/theme.ts";
import { View } from "./view/view.ts";

export interface Environment {
  /** Address of the page. */
  href: string;
  fetch: typeof fetch;
  openSocket: OpenSocket;
  /** Calls a function before the next repaint. */
  nextFrame: (draw: () => void) => void;
}

export class Model {
  readonly get: Get;
  readonly time = new ServiceTime();
  readonly theme = new Theme();
  readonly view: View;
  readonly status: StatusStore;
  readonly stats: StatsStore;
  readonly stream: Stream;
  /** The event whose details are open; null: none. */
  readonly openEvent = signal<EventRow | null>(null);
  readonly shortcutsOpen = signal(false);

  constructor({ href, fetch, openSocket, nextFrame }: Environment) {
    this.get = createGet(fetch);
    const zone = readStored("zone");
    if (zone !== null && timeZones().includes(zone)) timeZone.value = zone;
    const lookups = new Lookups(this.get, fetch);
    this.view = new View(new URL(href).search);
    this.status = new StatusStore(this.get, this.time);
    this.stats = new StatsStore(this.get, lookups, this.time, this.view);
    const { time, view, status } = this;
    this.stream = new Stream({ base: href, openSocket, nextFrame, lookups, time, view, status: status.status });
  }

  /** Starts requests and the stream. */
  start(): void {
    this.status.start();
    this.stats.start();
    this.stream.start();
  }
}

export const ModelContext = createContext<Model | null>(null);

export function useModel(): Model {
  const model = useContext(ModelContext);
  if (!model) throw new Error("a component is rendered outside of ModelContext");
  return model;
}
