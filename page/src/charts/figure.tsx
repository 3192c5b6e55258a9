// A chart with its text: a sentence for who can't see it, and a table for who would rather read.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { theme } from "../state/theme.ts";
import type { Bars, BarsData } from "./bars.ts";

interface FigureProps {
  /** What it is called. */
  name: string;
  /** What it shows, as a sentence. */
  summary: string;
  data: BarsData;
  /** What to say instead where there is nothing to show. */
  empty?: ComponentChildren;
  pick?: (index: number) => void;
  table: () => JSX.Element;
  children?: ComponentChildren;
}

export function Figure({ name, summary, data, empty, pick, table, children }: FigureProps): JSX.Element {
  const asTable = useSignal(false);
  return (
    <figure class="figure">
      {asTable.value ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
        <section class="figure-body scrolls" tabIndex={0} aria-label={`${name} as a table`}>
          {table()}
        </section>
      ) : (
        <div class="figure-body">
          <Canvas summary={summary} data={data} {...(pick ? { pick } : {})} />
          {empty && <div class="figure-empty">{typeof empty === "string" ? <span>{empty}</span> : empty}</div>}
        </div>
      )}
      <figcaption class="figure-foot">
        {children}
        <button
          type="button"
          class="link"
          onClick={() => {
            asTable.value = !asTable.value;
          }}
        >
          {asTable.value ? "Show chart" : "Show table"}
        </button>
      </figcaption>
    </figure>
  );
}

function Canvas({ summary, data, pick }: Pick<FigureProps, "summary" | "data" | "pick">): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const bars = useRef<Bars | null>(null);
  const latest = useRef({ data, pick });
  latest.current = { data, pick };
  const clickable = pick !== undefined;
  useEffect(() => {
    let gone = false;
    void import("./bars.ts").then(({ Bars }) => {
      if (gone || !canvas.current) return;
      bars.current = new Bars(canvas.current, clickable ? (index) => latest.current.pick?.(index) : null);
      bars.current.update(latest.current.data, theme.value);
    });
    return () => {
      gone = true;
      bars.current?.destroy();
      bars.current = null;
    };
  }, [clickable]);
  useEffect(() => bars.current?.update(data, theme.value), [data, theme.value]);
  return <canvas ref={canvas} role="img" aria-label={summary} />;
}
