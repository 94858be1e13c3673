/* Champion: what it promises and why one may believe it, its equity, its fills on the bars, its parameters, its export. */

import { card, facts, fill, h, pill } from "../dom.js";
import { clock, compact, figure, fixed, percent, tone, whole, words } from "../format.js";
import { get, live, on } from "../live.js";
import { bars, colour, onScheme, ratioScale, uplot } from "../plots.js";
import { go } from "../route.js";
import { AT_ONCE, compared, stitched } from "./compare.js";

export function show(page) {
  const head = h("div.page-head", {}, h("h1", {}, "Champion")), choice = h("div.tools", { role: "group", "aria-label": "Champions" }), place = h("div.stack");
  let ends = [], seen = -1, shown = null;
  fill(page, head, choice, place);

  async function renew(state) {
    const at = state.changed.champion ?? 0;
    if (at === seen) return;
    seen = at;
    const told = await get("/api/table/champions", { limit: 200 }).catch(() => ({ rows: [] }));
    const asked = new URLSearchParams(location.search), side = asked.get("compare")?.split(",").filter((id) => told.rows.some((row) => row.id === id));
    const niche = told.rows.find((row) => row.id === asked.get("niche"))?.id ?? told.rows[0]?.id;
    fill(choice, told.rows.length > 1 ? choices(told.rows, niche, side) : null);
    if (side) { await beside(side); return; }
    if (!niche) { fill(place, h("div.card.empty", {}, "No champion yet. One is crowned when a finalist passes every gate; most searches end with an honest no, which the Assets page tells.")); return; }
    try {
      shown = await get(`/api/champions/${encodeURIComponent(niche)}`);
      ends.forEach((end) => end());
      ends = draw(place, shown);
    } catch (error) {
      fill(place, h("div.banner", {}, error.message));
    }
  }
  async function beside(side) {
    ends.forEach((end) => end());
    ends = [];
    shown = null;
    if (side.length < 2) { fill(place, h("div.card.empty", {}, "Choose two champions or more to see them side by side.")); return; }
    try {
      const end = await compared(place, side);
      if (seen === Infinity) end(); else ends.push(end);
    } catch (error) {
      fill(place, h("div.banner", {}, error.message));
    }
  }
  const off = [on("state", renew), onScheme(() => { if (live.state && !shown) { seen = -1; renew(live.state); } else if (shown) { ends.forEach((end) => end()); ends = draw(place, shown); } })];
  if (live.state) renew(live.state);
  return () => { off.forEach((end) => end()); ends.forEach((end) => end()); seen = Infinity; };
}

/** One of them, or some side by side: then each is put in or taken out. */
function choices(rows, niche, side) {
  const address = (ids) => `/champion?compare=${ids.map(encodeURIComponent).join(",")}`;
  const toggled = (id) => (side.includes(id) ? side.filter((each) => each !== id) : [...side, id]);
  const one = (row) => {
    const isOn = side ? side.includes(row.id) : row.id === niche;
    const next = () => go(side ? address(toggled(row.id)) : `/champion?niche=${encodeURIComponent(row.id)}`);
    return h("button", { type: "button", "aria-pressed": String(isOn), class: isOn ? "primary" : "", disabled: Boolean(side) && !isOn && side.length >= AT_ONCE, onclick: next }, row.id.replace("_", " "), row.status === "in_force" ? "" : " · fallen");
  };
  const both = side ? () => go(`/champion?niche=${encodeURIComponent(side[0] ?? niche)}`) : () => go(address([niche, rows.find((row) => row.id !== niche).id]));
  return [rows.map(one), h("button.quiet", { type: "button", onclick: both }, side ? "One alone" : "Side by side")];
}

function draw(place, told) {
  const { champion, certificate, metrics } = told, evidence = certificate.evidence, ends = [];
  const forecast = evidence?.forecast ?? {}, expected = forecast.shrunken_annual_sharpe ?? champion.promise;
  const equity = h("div.chart"), fall = h("div.chart"), chart = h("div.chart.tall"), chartNote = h("span.muted");
  const stands = champion.status.replaceAll("_", " ");
  fill(place,
    told.missing.length ? h("div.banner", {}, `Not everything is there: ${told.missing.join("; ")}`) : null,
    h("section.card", { "aria-label": "Verdict" },
      h("header", {}, h("h2", {}, champion.id.replace("_", " ")), pill(stands, tone(champion.status)), certificate.verdict === "gold" ? pill("gold", "warn") : null,
        h("span.muted", {}, `${champion.strategy} ${champion.mode} · crowned ${clock(champion.since ?? champion.at, { day: true })} by ${champion.campaign}`),
        h("div.right", {}, certificate.verdict ? h("a.button", { href: `/certificate/${encodeURIComponent(champion.id)}`, target: "_blank", rel: "noopener" }, "Certificate ↗") : null)),
      champion.note ? h("p.muted", {}, champion.note) : null,
      h("div.figs", {},
        h("div", {}, h("span.name", {}, "Sharpe to expect, a year"), h("span.big", {}, fixed(expected), forecast.se_annual ? h("small.muted", {}, ` ± ${fixed(forecast.se_annual)}`) : null)),
        fig("Found, development", fixed(champion.annual_sharpe)), fig("Vault", fixed(champion.oos_annual_sharpe)),
        fig("p, search and vault", figure(evidence?.p?.combined ?? metrics.gates?.p)), fig("Largest drawdown, vault", percent(metrics.vault?.max_drawdown, 1)),
        fig("Trades, vault", whole(metrics.vault?.total_trades)), fig("Tried", whole(champion.tried)),
        champion.e_value === null ? null : fig(`e-value after ${champion.days} days`, fixed(champion.e_value)))),
    h("div.halves", {}, card("Equity", { note: "dim: development, which the search has seen · from 1 at its begin" }, equity), card("Drawdown", { note: "end of each day" }, fall)),
    card("Bars and fills", { right: chartNote }, chart, h("p.credit", {}, "Charts by ", h("a", { href: "https://www.tradingview.com/", target: "_blank", rel: "noopener" }, "TradingView"), " Lightweight Charts™, © TradingView, Inc.")),
    h("div.halves", {}, gates("Evidence", evidence?.gates, `${certificate.surrogates ? `${certificate.surrogates.as_good} of ${certificate.surrogates.searched} surrogate markets as good` : ""}`), gates("Strict table", certificate.strict?.gates, certificate.strict?.guards ?? "")),
    h("div.halves", {},
      h("div.stack", {}, card("Figures", {}, compare(metrics.development, metrics.vault))),
      h("div.stack", {},
      card("Parameters", {}, facts(Object.entries(told.parameters).map(([name, value]) => [h("code", {}, name), figure(value)]))),
      card("Pine", {}, pine(told.pine)),
      card("Where it comes from", {}, facts([["Data", certificate.data_snapshot_id], ["Code", certificate.code_version], ["Costs", certificate.costs ? `${certificate.costs.fee_bps} bps fee, ${certificate.costs.slippage_bps} bps slippage` : null], ["Crowned on", certificate.crown_on], ["Looks at the vault", whole(certificate.looks_at_the_vault)], ["Trial", whole(told.file.trial_id)], ["Run", told.file.run_id], ["Second opinion", certificate.second_opinion?.engine ? `${certificate.second_opinion.engine} ${certificate.second_opinion.agrees ? "agrees" : "disagrees"} on ${certificate.second_opinion.trades} trades` : null], ["Checksum", told.file.checksum?.slice(0, 16)]])))));
  curves(certificate.curves, equity, fall, ends);
  fillsOn(chart, chartNote, champion.id, told.has_fills, ends);
  return ends;
}

const fig = (name, value) => h("div", {}, h("span.name", {}, name), h("span.value", {}, value));

const SIGNS = { "<=": "≤", ">=": "≥" };

function gates(title, list, note) {
  return card(title, { note }, list?.length ? h("ul.gates", {}, list.map((gate) => h("li", {}, h(`b.${gate.pass ? "good" : "bad"}`, { title: gate.pass ? "passed" : "not passed", "aria-label": gate.pass ? "passed" : "not passed" }, gate.pass ? "✓" : "✗"), h("span", {}, gate.meaning ?? gate.name), h("span.num", {}, `${figure(gate.figure)} ${SIGNS[gate.comparison] ?? gate.comparison ?? ""} ${figure(gate.threshold)}`)))) : h("p.muted", {}, "This champion has none on record."));
}

/* What stands on the page already, or is for a program that checks the file. */
const KNOWN = new Set(["schema", "niche", "symbol", "timeframe", "checksum", "script", "script_sha256"]);

function pine(told) {
  if (!told) return h("p.muted", {}, "Not exported yet: ", h("code", {}, "swarmd export pine"), ".");
  const parity = told.parity ? Object.entries(told.parity).filter(([name, value]) => typeof value !== "object" && !KNOWN.has(name)) : [];
  return [h("p", {}, h("code", {}, told.script)), parity.length ? facts(parity.map(([name, value]) => [words(name), figure(value)])) : h("p.muted", {}, "No parity run is on record for it.")];
}

const FIGURES = [["annual_sharpe", "Annual Sharpe", fixed], ["annual_return", "Annual return", (value) => percent(value, 1)], ["max_drawdown", "Largest drawdown", (value) => percent(value, 1)], ["total_trades", "Trades", whole], ["win_rate", "Win rate", (value) => percent(value, 1)], ["profit_factor", "Profit factor", fixed], ["annual_sortino", "Annual Sortino", fixed], ["calmar", "Calmar", fixed], ["exposure", "Exposure", percent], ["avg_bars_held", "Bars held", (value) => fixed(value, 0)]];

function compare(development, vault) {
  if (!development && !vault) return h("p.muted", {}, "None on record.");
  return h("table.plain", {}, h("thead", {}, h("tr", {}, h("th", {}, ""), h("th.end", {}, "Development"), h("th.end", {}, "Vault"))),
    h("tbody", {}, FIGURES.map(([name, label, say]) => h("tr", {}, h("td", {}, label), h("td.end.muted", {}, say(development?.[name])), h("td.end", {}, say(vault?.[name]))))));
}

/** The two stretches as one line that goes on; each begins at 1, so the vault is put onto the end of development. */
function curves(told, equity, fall, ends) {
  if (!told?.vault && !told?.development) { fill(equity, h("p.muted", {}, "Its certificate holds no curves.")); fill(fall, h("p.muted", {}, "–")); return; }
  const { seen, kept } = stitched(told);
  const times = [...seen, ...kept].map(([time]) => time);
  const before = [...seen.map(([, value]) => value), ...kept.map(() => null)], after = [...seen.map(() => null), ...kept.map(([, value]) => value)];
  const fallen = (values) => { let peak = 0; return values.map((value) => { peak = Math.max(peak, value); return -(1 - value / peak); }); };
  const down = [...fallen(seen.map(([, value]) => value)), ...fallen(kept.map(([, value]) => value))];
  const keep = (made) => made.then((plot) => ends.push(plot.end)).catch((error) => fill(equity, h("p.muted", {}, error.message)));
  const ratio = (self, value) => (value === null || value === undefined ? "–" : `× ${value.toPrecision(4)}`);
  const log = { scales: ratioScale([...seen, ...kept].map(([, value]) => value)), axes: [{}, { size: 56, values: (self, ticks) => ticks.map((tick) => (tick === null ? null : `× ${compact(tick)}`)) }] };
  keep(uplot(equity, { height: 230, ...log, series: [{}, { label: "development", stroke: colour("dim-line"), width: 1.5, value: ratio }, { label: "vault", stroke: colour("accent"), width: 2, value: ratio }] }, [times, before, after]));
  keep(uplot(fall, { height: 230, axes: [{}, { size: 52, values: (self, ticks) => ticks.map((tick) => percent(tick)) }], series: [{}, { label: "drawdown", stroke: colour("bad"), fill: `${colour("bad")}22`, width: 1.2, value: (self, value) => percent(value, 1) }] }, [times, down]));
}

async function fillsOn(place, note, niche, hasFills, ends) {
  const path = `/api/champions/${encodeURIComponent(niche)}/bars`;
  fill(place, h("p.muted", {}, "Reading the bars…"));
  try {
    const whole = await get(path, { limit: 400 });
    if (!whole.bars.length) { fill(place, h("p.muted", {}, "The file of bars is empty.")); return; }
    // Begin with the last trades there are: a whole history of bars tells nothing of a fill.
    const last = whole.fills.length ? Date.parse(whole.fills.at(-1).exit_time) : whole.last;
    const first = whole.fills.length ? Date.parse(whole.fills.at(-Math.min(12, whole.fills.length)).entry_time) : whole.first;
    const pad = Math.max(3600e3, (last - first) * 0.06);
    const told = await get(path, { from: Math.round(first - pad), to: Math.round(last + pad), limit: 500 });
    const drawn = await bars(place, told.bars, told.fills);
    ends.push(drawn.end);
    const step = told.bars.length > 1 ? (told.bars[1][0] - told.bars[0][0]) / 60 : 0;
    fill(note, h("span.muted", {}, hasFills ? `the last ${Math.min(12, told.fills.length)} of ${told.fills.length} trades · ${step} min bars` : `its trades were not kept · ${step} min bars`));
  } catch (error) {
    fill(place, h("p.muted", {}, error.message));
  }
}
