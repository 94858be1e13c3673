/* Drawing: small lines of our own, and the two vendored libraries in the page's colours. */

import { script } from "./live.js";
import { h } from "./dom.js";

const scheme = matchMedia("(prefers-color-scheme: dark)");

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Called when the system goes light or dark; gives back what ends that. */
export function onScheme(redraw) {
  scheme.addEventListener("change", redraw);
  return () => scheme.removeEventListener("change", redraw);
}

/** A canvas as sharp as the screen; `paint(context, width, height)`. */
export function painted(canvas, paint) {
  const ratio = devicePixelRatio || 1, { width, height } = canvas.getBoundingClientRect();
  if (!width || !height) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  paint(context, width, height);
}

/** An hour of a share between 0 and 1. */
export function spark(points, { target = null, label = "" } = {}) {
  const canvas = h("canvas.spark", { role: "img", "aria-label": label });
  const draw = () => painted(canvas, (pen, width, height) => {
    if (points.length < 2) return;
    const first = points[0][0], span = Math.max(1, points.at(-1)[0] - first);
    const x = (at) => ((at - first) / span) * (width - 2) + 1, y = (value) => height - 2 - Math.max(0, Math.min(1, value)) * (height - 4);
    if (target !== null) { pen.strokeStyle = colour("line-strong"); pen.setLineDash([3, 3]); pen.beginPath(); pen.moveTo(0, y(target)); pen.lineTo(width, y(target)); pen.stroke(); pen.setLineDash([]); }
    pen.beginPath();
    for (const [at, value] of points) pen.lineTo(x(at), y(value));
    pen.strokeStyle = colour("accent"); pen.lineWidth = 1.5; pen.lineJoin = "round"; pen.stroke();
    pen.lineTo(x(points.at(-1)[0]), height); pen.lineTo(x(first), height); pen.closePath();
    pen.fillStyle = colour("accent-soft"); pen.globalAlpha = 0.5; pen.fill();
  });
  requestAnimationFrame(draw);
  return canvas;
}

let sheet = null;
const MONTH_S = 28 * 86400;

/** Days as the rest of the page writes them, months where the steps are as long. */
function days(self, ticks, axis, space, step) {
  return ticks.map((tick) => new Date(tick * 1000).toISOString().slice(0, step >= MONTH_S ? 7 : 10));
}

/** Equity by ratio: on a logarithmic scale, or an even one where it has not so much as quadrupled. */
export function ratioScale(values) {
  const known = values.filter((value) => value !== null);
  return { y: { distr: Math.max(...known) > 4 * Math.min(...known) ? 3 : 1 } };
}

/** A plot by uPlot that keeps the width of its place. A series with `steps` goes up in stairs. */
export async function uplot(place, options, data) {
  await script("/static/vendor/uPlot-1.6.32.iife.min.js");
  if (!sheet) { sheet = h("link", { rel: "stylesheet", href: "/static/vendor/uPlot-1.6.32.min.css" }); document.head.append(sheet); }
  const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "11px system-ui, sans-serif" };
  const isTime = options.scales?.x?.time !== false;
  const axes = (options.axes ?? [{}, {}]).map((own, at) => ({ ...axis, ...(at === 0 && isTime ? { values: days, space: 76 } : {}), ...own }));
  for (const series of options.series) if (series.steps) series.paths = window.uPlot.paths.stepped({ align: 1 });
  place.replaceChildren();
  const plot = new window.uPlot({ cursor: { drag: { x: true, y: false } }, tzDate: (stamp) => window.uPlot.tzDate(new Date(stamp * 1000), "Etc/UTC"), ...options, axes, width: place.clientWidth || 600 }, data, place);
  const watch = new ResizeObserver(() => { if (place.clientWidth) plot.setSize({ width: place.clientWidth, height: options.height }); });
  watch.observe(place);
  return { plot, end: () => { watch.disconnect(); plot.destroy(); } };
}

/** Bars drawn by Lightweight Charts; its attribution stands below it, see vendor/VENDOR.md. */
export async function bars(place, rows, fills) {
  await script("/static/vendor/lightweight-charts-5.2.1.production.js");
  const { createChart, CandlestickSeries, createSeriesMarkers } = window.LightweightCharts;
  place.replaceChildren();
  const chart = createChart(place, {
    autoSize: true,
    layout: { background: { color: colour("surface") }, textColor: colour("muted"), attributionLogo: false, fontFamily: "system-ui, sans-serif" },
    grid: { vertLines: { color: colour("line") }, horzLines: { color: colour("line") } },
    timeScale: { timeVisible: true, borderColor: colour("line") },
    rightPriceScale: { borderColor: colour("line") },
    crosshair: { mode: 0 },
  });
  const good = colour("good"), bad = colour("bad");
  const series = chart.addSeries(CandlestickSeries, { upColor: good, downColor: bad, wickUpColor: good, wickDownColor: bad, borderVisible: false });
  series.setData(rows.map(([time, open, high, low, close]) => ({ time, open, high, low, close })));
  createSeriesMarkers(series, marks(rows, fills));
  chart.timeScale().fitContent();
  return { chart, end: () => chart.remove() };
}

/** Each fill on the bar it happened in: arrows where a position is taken, dots where it is left. */
function marks(rows, fills) {
  if (!rows.length) return [];
  const times = rows.map(([time]) => time), found = [];
  const barOf = (at) => {
    const second = Date.parse(at) / 1000;
    let low = 0, high = times.length - 1;
    if (second < times[0]) return null;
    while (low < high) { const middle = (low + high + 1) >> 1; if (times[middle] <= second) low = middle; else high = middle - 1; }
    return times[low];
  };
  // On a phone the words of a dozen fills lie upon each other: there the colour tells.
  const isRoomy = innerWidth > 640;
  for (const fill of fills) {
    const entry = barOf(fill.entry_time), exit = barOf(fill.exit_time), isLong = fill.side === "long";
    if (entry !== null) found.push({ time: entry, position: isLong ? "belowBar" : "aboveBar", shape: isLong ? "arrowUp" : "arrowDown", color: colour("info"), text: isRoomy ? (isLong ? "long" : "short") : "" });
    if (exit !== null) found.push({ time: exit, position: isLong ? "aboveBar" : "belowBar", shape: "circle", color: fill.return >= 0 ? colour("good") : colour("bad"), text: isRoomy ? `${(fill.return * 100).toFixed(1)}%` : "" });
  }
  return found.sort((one, other) => one.time - other.time);
}

/** Viridis between 0 and 1: even steps to the eye, and to most colour-blind ones. */
const RAMP = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

export function ramp(share) {
  const place = Math.max(0, Math.min(1, share)) * (RAMP.length - 1), low = Math.min(RAMP.length - 2, Math.floor(place));
  const [red, green, blue] = RAMP[low].map((value, at) => Math.round(value + (RAMP[low + 1][at] - value) * (place - low)));
  return `rgb(${red},${green},${blue})`;
}
