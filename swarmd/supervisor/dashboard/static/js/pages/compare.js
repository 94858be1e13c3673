/* Champions side by side: figures, parameters and equity of each, the same things in one row. */

import { card, fill, h, pill } from "../dom.js";
import { clock, compact, dash, figure, fixed, percent, tone, whole } from "../format.js";
import { get } from "../live.js";
import { colour, ratioScale, uplot } from "../plots.js";

export const AT_ONCE = 6;
const COLOURS = ["accent", "info", "warn", "bad", "good", "muted"];

/* What is asked of each, how it is said, and which way is better: 1 more, -1 less, 0 neither. */
const ROWS = [
  ["Sharpe to expect, a year", (one) => one.certificate.evidence?.forecast?.shrunken_annual_sharpe ?? one.champion.promise, fixed, 1],
  ["± standard error", (one) => one.certificate.evidence?.forecast?.se_annual, fixed, -1],
  ["Annual Sharpe, vault", (one) => one.champion.oos_annual_sharpe, fixed, 1],
  ["Annual Sharpe, development", (one) => one.champion.annual_sharpe, fixed, 0],
  ["p, search and vault", (one) => one.certificate.evidence?.p?.combined ?? one.metrics.gates?.p, figure, -1],
  ["Annual return, vault", (one) => one.metrics.vault?.annual_return, (value) => percent(value, 1), 1],
  ["Largest drawdown, vault", (one) => one.metrics.vault?.max_drawdown, (value) => percent(value, 1), -1],
  ["Calmar, vault", (one) => one.metrics.vault?.calmar, fixed, 1],
  ["Profit factor, vault", (one) => one.metrics.vault?.profit_factor, fixed, 1],
  ["Win rate, vault", (one) => one.metrics.vault?.win_rate, (value) => percent(value, 1), 0],
  ["Trades, vault", (one) => one.metrics.vault?.total_trades, whole, 0],
  ["Exposure, vault", (one) => one.metrics.vault?.exposure, percent, 0],
  ["Strict table", (one) => one.certificate.strict?.guards, figure, 0],
  ["Tried", (one) => one.champion.tried, whole, 0],
  ["Costs, bps of fee and slippage", (one) => (one.certificate.costs ? `${one.certificate.costs.fee_bps} + ${one.certificate.costs.slippage_bps}` : null), figure, 0],
];

/** Two or more of them; gives back what ends its plot once that is drawn. */
export async function compared(place, niches) {
  fill(place, h("div.skeleton"));
  const all = await Promise.all(niches.map((niche) => get(`/api/champions/${encodeURIComponent(niche)}`)));
  const equity = h("div.chart"), { lines, note } = together(all);
  fill(place,
    card("Equity", { note }, equity),
    card("Figures", { note: "the better one of a row is bold" }, table(all, ROWS.map(([label, of, say, better]) => row(label, all.map(of), say, better)), true)),
    card("Parameters", { note: "bold where they differ" }, table(all, parameters(all), false)));
  if (!lines.length) { fill(equity, h("p.muted", {}, "None of their certificates holds a curve.")); return () => {}; }
  const made = await drawn(equity, lines);
  return made.end;
}

function table(all, rows, isWhole) {
  const head = (one, at) => h("th.end.wraps", { scope: "col" }, h("span.swatch", { class: COLOURS[at] }), one.champion.id.replace("_", " "));
  const about = [
    h("tr", {}, h("td", {}, "Stands"), all.map((one) => h("td.end", {}, pill(one.champion.status.replaceAll("_", " "), tone(one.champion.status))))),
    h("tr", {}, h("td", {}, "Strategy"), all.map((one) => h("td.end.wraps", {}, `${one.champion.strategy} ${one.champion.mode}`))),
    h("tr", {}, h("td", {}, "Crowned"), all.map((one) => h("td.end", {}, clock(one.champion.since ?? one.champion.at, { day: true }).slice(0, 10)))),
  ];
  return h("div.wide", {}, h("table.plain", {}, h("thead", {}, h("tr", {}, h("th", {}, ""), all.map(head))), h("tbody", {}, isWhole ? about : null, rows)));
}

function row(label, values, say, better) {
  const known = values.filter((value) => typeof value === "number"), best = better && known.length > 1 ? Math.max(...known.map((value) => better * value)) : null;
  const isBest = (value) => best !== null && better * value === best && known.some((other) => other !== value);
  return h("tr", {}, h("td", {}, label), values.map((value) => h("td.end", {}, value === null || value === undefined ? dash : isBest(value) ? h("b", {}, say(value)) : say(value))));
}

function parameters(all) {
  const names = [...new Set(all.flatMap((one) => Object.keys(one.parameters)))];
  return names.map((name) => {
    const said = all.map((one) => (name in one.parameters ? figure(one.parameters[name]) : dash)), differs = new Set(said).size > 1;
    return h("tr", {}, h("td", {}, h("code", {}, name)), said.map((value) => h("td.end", {}, differs ? h("b", {}, value) : value)));
  });
}

/** Development and vault as one line: the vault goes on where development ended. */
export function stitched(told) {
  const stretch = (part) => (part ? part.days.map((day, at) => [Date.parse(day) / 1000, part.equity[at]]) : []);
  const seen = stretch(told?.development), kept = stretch(told?.vault), scale = seen.length ? seen.at(-1)[1] : 1;
  return { seen, kept: kept.map(([time, value]) => [time, value * scale]) };
}

/** Every curve from 1 at the first day that all of them have; from its own first day where they share none. */
function together(all) {
  const curves = all.map((one, at) => ({ id: one.champion.id, at, ...stitched(one.certificate.curves) })).filter((one) => one.seen.length + one.kept.length > 1);
  const points = (one) => [...one.seen, ...one.kept];
  const begin = Math.max(...curves.map((one) => points(one)[0][0])), end = Math.min(...curves.map((one) => points(one).at(-1)[0]));
  const isShared = curves.length > 1 && begin < end;
  const lines = curves.map((one) => {
    const shown = isShared ? points(one).filter(([time]) => time >= begin) : points(one), base = shown[0][1], vault = one.kept[0]?.[0] ?? Infinity;
    return { ...one, vault, shown: shown.map(([time, value]) => [time, value / base]) };
  });
  const since = isShared ? `from 1 on ${new Date(begin * 1000).toISOString().slice(0, 10)}, the first day all have` : "each from 1 at its begin";
  return { lines, note: lines.length ? `${since} · thin: development, which its search has seen` : "" };
}

function drawn(place, lines) {
  const times = [...new Set(lines.flatMap((line) => line.shown.map(([time]) => time)))].sort((one, other) => one - other);
  const ratio = (self, value) => (value === null || value === undefined ? dash : `× ${value.toPrecision(4)}`);
  const data = [times], series = [{}];
  for (const line of lines) {
    const value = new Map(line.shown), before = (time) => time <= line.vault, stroke = colour(COLOURS[line.at]);
    data.push(times.map((time) => (before(time) ? value.get(time) ?? null : null)), times.map((time) => (time >= line.vault ? value.get(time) ?? null : null)));
    series.push({ label: `${line.id} development`, stroke, width: 1, alpha: 0.55, spanGaps: true, value: ratio }, { label: `${line.id} vault`, stroke, width: 2.2, spanGaps: true, value: ratio });
  }
  const axes = [{}, { size: 56, values: (self, ticks) => ticks.map((tick) => (tick === null ? null : `× ${compact(tick)}`)) }];
  return uplot(place, { height: 300, scales: ratioScale(data.slice(1).flat()), axes, series }, data);
}
