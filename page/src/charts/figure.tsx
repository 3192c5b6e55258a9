// A chart with a summary for screen readers and a table as an alternative.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useModel } from "../model.ts";
import type { Bars, BarsData } from "./bars.ts";

interface FigureProps {
  name: string;
  /** A sentence for screen readers. */
  summary: string;
  data: BarsData;
  /** Shown over an empty chart. */
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
        // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolling needs the keyboard, too
        <section class="figure-body scrolls" tabIndex={0} aria-label={`${name}, as a table`}>
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
  const { theme } = useModel();
  const canvas = useRef<HTMLCanvasElement>(null);
  const bars = useRef<Bars | null>(null);
  const latest = useRef({ data, pick });
  latest.current = { data, pick };
  const clickable = pick !== undefined;
  useEffect(() => {
    let unmounted = false;
    void import("./bars.ts").then(({ Bars }) => {
      if (unmounted || !canvas.current) return;
      bars.current = new Bars(canvas.current, clickable ? (index) => latest.current.pick?.(index) : null);
      bars.current.update(latest.current.data, theme.name.value);
    });
    return () => {
      unmounted = true;
      bars.current?.destroy();
      bars.current = null;
    };
  }, [clickable]);
  useEffect(() => bars.current?.update(data, theme.name.value), [data, theme.name.value]);
  return <canvas ref={canvas} role="img" aria-label={summary} />;
}
