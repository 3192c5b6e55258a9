// Stacked bars over time, drawn by Chart.js.

import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  type ChartDataset,
  LinearScale,
  type Plugin,
  Tooltip,
} from "chart.js";
import { compact, count } from "../format/numbers.ts";
import { COLOURS, colourNumber, type Layer } from "../view/colours.ts";
import { DragSelection } from "./drag.ts";
import type { Tick } from "./ticks.ts";

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);

const AXIS_WIDTH = 44; // px; fixed, so that bars don't move when numbers get longer

export interface BarsData {
  /** Number of bars. */
  size: number;
  layers: Layer[];
  /** Returns the labels of the axis for a chart of this width, px. */
  ticks: (width: number) => Tick[];
  /** Returns what a bar covers. */
  title: (index: number) => string;
  /** Incomplete bars. */
  partial: number[];
  /** Position of the line that marks a time, in bars from the left; null: none. */
  marker: number | null;
}

export interface BarActions {
  /** Called with the bar that was clicked. */
  pick(index: number): void;
  /** Called with the first and last bar of a dragged selection. */
  zoom(first: number, last: number): void;
}

export type Bar = Chart<"bar", number[], number>;

export class Bars {
  readonly #chart: Bar;
  #theme = "";
  #colours: Colours | null = null;
  #ticks: Tick[] = [];
  #data: BarsData = { size: 0, layers: [], ticks: () => [], title: () => "", partial: [], marker: null };

  constructor(canvas: HTMLCanvasElement, actions: BarActions | null) {
    const self = this;
    const drag = new DragSelection(
      canvas,
      () => self.#chart,
      (first, last) => actions?.zoom(first, last),
    );
    if (actions) drag.listen();
    this.#chart = new Chart<"bar", number[], number>(canvas, {
      type: "bar",
      data: { labels: [], datasets: [] },
      plugins: [
        drag.plugin(() => self.#colours?.accent ?? ""),
        marker(() => (self.#data.marker === null ? null : [self.#data.marker, self.#colours?.past ?? ""])),
      ],
      options: {
        responsive: true,
        maintainAspectRatio: false,
        animation: false,
        interaction: { mode: "index", intersect: false },
        layout: { padding: { top: 6 } },
        onClick(_event, found) {
          if (actions && found[0] && !drag.justEnded) actions.pick(found[0].index);
        },
        onHover(_event, found) {
          canvas.style.cursor = actions && found.length ? "pointer" : "";
        },
        scales: {
          x: {
            stacked: true,
            grid: { display: false },
            border: { display: false },
            afterBuildTicks(axis) {
              self.#ticks = self.#data.ticks(axis.chart.width);
              axis.ticks = self.#ticks.map(({ index }) => ({ value: index }));
            },
            ticks: {
              autoSkip: false,
              maxRotation: 0,
              align: "inner",
              callback: (value) => self.#ticks.find(({ index }) => index === value)?.label ?? [],
            },
          },
          y: {
            stacked: true,
            beginAtZero: true,
            suggestedMax: 4,
            border: { display: false },
            afterFit(axis) {
              axis.width = AXIS_WIDTH;
            },
            ticks: { maxTicksLimit: 4, precision: 0, callback: (value) => compact(Number(value)) },
          },
        },
        plugins: {
          tooltip: {
            filter: (item) => item.parsed.y !== 0,
            itemSort: (one, other) => (other.parsed.y ?? 0) - (one.parsed.y ?? 0),
            boxWidth: 8,
            boxHeight: 8,
            boxPadding: 5,
            padding: 10,
            cornerRadius: 8,
            caretSize: 0,
            caretPadding: 12,
            callbacks: {
              title: (items) => (items[0] ? self.#data.title(items[0].dataIndex) : ""),
              label: (item) => ` ${item.dataset.label}  ${count(item.parsed.y ?? 0)}`,
              footer(items) {
                const total = items.reduce((sum, item) => sum + (item.parsed.y ?? 0), 0);
                const partial = items[0] && self.#data.partial.includes(items[0].dataIndex) ? " so far" : "";
                return `Total ${count(total)}${partial}${actions ? "\nClick to replay from here" : ""}`;
              },
            },
          },
        },
      },
    });
  }

  /** Shows other data. `theme` is true if the colours have changed. */
  update(data: BarsData, theme: string): void {
    this.#data = data;
    if (this.#colours === null || this.#theme !== theme) {
      this.#theme = theme;
      this.#colours = coloursOf(this.#chart.canvas);
      this.#paint(this.#colours);
    }
    const colours = this.#colours;
    const partial = new Set(data.partial);
    const shown = this.#chart.data;
    const next = data.layers.map((layer) => dataset(layer, colours, partial));
    if (shown.labels?.length !== data.size) shown.labels = Array.from({ length: data.size }, (_, index) => index);
    // Chart.js rebuilds the bars of a dataset that is a new object
    if (next.length === shown.datasets.length && next.every(({ label }, at) => label === shown.datasets[at]?.label)) {
      for (const [at, layer] of shown.datasets.entries()) Object.assign(layer, next[at]);
    } else shown.datasets = next;
    this.#chart.update("none");
  }

  destroy(): void {
    this.#chart.destroy();
  }

  #paint(colours: Colours): void {
    const { scales, plugins } = this.#chart.options;
    const font = { family: colours.font, size: 11 };
    for (const axis of [scales?.["x"], scales?.["y"]]) {
      if (axis?.ticks) Object.assign(axis.ticks, { color: colours.faint, font });
    }
    if (scales?.["y"]) scales["y"].grid = { color: colours.line };
    if (plugins?.tooltip) {
      Object.assign(plugins.tooltip, {
        backgroundColor: colours.overlay,
        borderColor: colours.line,
        borderWidth: 1,
        titleColor: colours.text,
        bodyColor: colours.text,
        footerColor: colours.faint,
        titleFont: { ...font, size: 12, weight: 600 },
        bodyFont: { ...font, size: 12 },
        footerFont: { ...font, weight: 400 },
      });
    }
  }
}

function dataset({ type, name, values }: Layer, colours: Colours, partial: Set<number>): ChartDataset<"bar", number[]> {
  const number = type === null ? COLOURS : colourNumber(type);
  const [colour, faded] = [colours.series[number], colours.faded[number]];
  const background = partial.size ? values.map((_, index) => (partial.has(index) ? faded : colour)) : colour;
  return {
    label: name,
    data: values,
    backgroundColor: background,
    hoverBackgroundColor: background,
    categoryPercentage: 1,
    barPercentage: values.length > 150 ? 1 : 0.82,
    borderRadius: values.length > 150 ? 0 : 1.5,
    borderSkipped: false,
    maxBarThickness: 48,
  };
}

interface Colours {
  /** By colour number; the last one is that of all other types. */
  series: string[];
  faded: string[];
  text: string;
  faint: string;
  line: string;
  overlay: string;
  past: string;
  accent: string;
  font: string;
}

/** Returns the page's colours as a canvas needs them, without variables. */
function coloursOf(canvas: HTMLCanvasElement): Colours {
  const probe = document.createElement("span");
  probe.hidden = true;
  canvas.parentElement?.append(probe);
  const style = getComputedStyle(probe);
  const resolve = (colour: string): string => {
    probe.style.color = colour;
    return style.color;
  };
  const resolved = (name: string): string => resolve(`var(--${name})`);
  const series = [...Array.from({ length: COLOURS }, (_, number) => `series-${number}`), "series-other"];
  const colours = {
    series: series.map(resolved),
    faded: series.map((name) => resolve(`color-mix(in srgb, var(--${name}) 45%, transparent)`)),
    text: resolved("text"),
    faint: resolved("faint"),
    line: resolved("line"),
    overlay: resolved("overlay"),
    past: resolved("past"),
    accent: resolve("color-mix(in srgb, var(--accent) 22%, transparent)"),
    font: style.fontFamily,
  };
  probe.remove();
  return colours;
}

/** Draws a line at a position in bars from the left, in a colour. */
function marker(position: () => [number, string] | null): Plugin<"bar"> {
  return {
    id: "marker",
    afterDatasetsDraw({ ctx, chartArea, scales }) {
      const [at, colour] = position() ?? [null, ""];
      const axis = scales["x"];
      if (at === null || !axis) return;
      const first = axis.getPixelForValue(0);
      const x = first + (at - 0.5) * (axis.getPixelForValue(1) - first);
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = colour;
      ctx.lineWidth = 2;
      ctx.beginPath();
      ctx.moveTo(x, chartArea.top);
      ctx.lineTo(x, chartArea.bottom);
      ctx.stroke();
      ctx.beginPath();
      ctx.arc(x, chartArea.top, 4, 0, Math.PI * 2);
      ctx.fill();
      ctx.restore();
    },
  };
}
