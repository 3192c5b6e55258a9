// A chart with a summary for screen readers and a table as an alternative.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useModel } from "../model.ts";
import type { Bars, BarsData } from "./bars.ts";
import { loadBars } from "./load.ts";

interface FigureProps {
  name: string;
  /** A sentence for screen readers. */
  summary: string;
  data: BarsData;
  /** Shown over an empty chart. */
  empty?: ComponentChildren;
  /** Called with the bar that was clicked. */
  pick?: (index: number) => void;
  /** Called with the first and last bar of a dragged selection. */
  zoom?: (first: number, last: number) => void;
  /** Shown below the chart. */
  below?: ComponentChildren;
  table: () => JSX.Element;
  children?: ComponentChildren;
}

export function Figure({ name, summary, data, empty, pick, zoom, below, table, children }: FigureProps): JSX.Element {
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
          <Canvas summary={summary} data={data} {...(pick ? { pick } : {})} {...(zoom ? { zoom } : {})} />
          {empty && <div class="figure-empty">{typeof empty === "string" ? <span>{empty}</span> : empty}</div>}
        </div>
      )}
      {!asTable.value && below}
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

function Canvas({ summary, data, pick, zoom }: Pick<FigureProps, "summary" | "data" | "pick" | "zoom">): JSX.Element {
  const { theme } = useModel();
  const canvas = useRef<HTMLCanvasElement>(null);
  const bars = useRef<Bars | null>(null);
  const latest = useRef({ data, pick, zoom });
  latest.current = { data, pick, zoom };
  const clickable = pick !== undefined;
  useEffect(() => {
    let unmounted = false;
    void loadBars().then(({ Bars }) => {
      if (unmounted || !canvas.current) return;
      const actions = {
        pick: (index: number) => latest.current.pick?.(index),
        zoom: (first: number, last: number) => latest.current.zoom?.(first, last),
      };
      bars.current = new Bars(canvas.current, clickable ? actions : null);
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
