// Selecting bars of a chart by dragging.

import type { Plugin } from "chart.js";
import type { Bar } from "./bars.ts";

const THRESHOLD = 8; // px: a shorter movement is a click

export class DragSelection {
  readonly #canvas: HTMLCanvasElement;
  readonly #chart: () => Bar;
  readonly #select: (first: number, last: number) => void;
  #start: number | null = null; // px from the left
  #end: number | null = null; // null: not dragged far enough
  /** Whether the click that follows belongs to a drag. */
  justEnded = false;

  constructor(canvas: HTMLCanvasElement, chart: () => Bar, select: (first: number, last: number) => void) {
    this.#canvas = canvas;
    this.#chart = chart;
    this.#select = select;
  }

  listen(): void {
    const canvas = this.#canvas;
    canvas.style.touchAction = "pan-y";
    canvas.addEventListener("pointerdown", (event) => {
      this.justEnded = false;
      if (event.button !== 0) return;
      this.#start = event.offsetX;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.#start === null) return;
      if (this.#end === null && Math.abs(event.offsetX - this.#start) < THRESHOLD) return;
      this.#end = event.offsetX;
      this.#chart().draw();
    });
    canvas.addEventListener("pointerup", () => {
      const [start, end] = [this.#start, this.#end];
      this.#cancel();
      if (start === null || end === null) return;
      this.justEnded = true;
      const [first, last] = [this.#barAt(Math.min(start, end)), this.#barAt(Math.max(start, end))];
      if (first !== null && last !== null) this.#select(first, last);
    });
    canvas.addEventListener("pointercancel", () => this.#cancel());
  }

  /** Draws the selection. */
  plugin(colour: () => string): Plugin<"bar"> {
    return {
      id: "selection",
      afterDatasetsDraw: ({ ctx, chartArea }) => {
        if (this.#start === null || this.#end === null) return;
        const clamp = (x: number): number => Math.max(chartArea.left, Math.min(chartArea.right, x));
        const [left, right] = [clamp(Math.min(this.#start, this.#end)), clamp(Math.max(this.#start, this.#end))];
        ctx.save();
        ctx.fillStyle = colour();
        ctx.fillRect(left, chartArea.top, right - left, chartArea.bottom - chartArea.top);
        ctx.restore();
      },
    };
  }

  #barAt(x: number): number | null {
    const { data, scales } = this.#chart();
    const bars = data.labels?.length ?? 0;
    if (!bars) return null;
    return Math.max(0, Math.min(bars - 1, scales["x"]?.getValueForPixel(x) ?? 0));
  }

  #cancel(): void {
    this.#start = this.#end = null;
    this.#chart().draw();
  }
}
