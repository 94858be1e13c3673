/* Search: the trials of a search as lines through its parameters, the best over time, the ledger of all that was ever tried. */

import { details } from "../actions.js";
import { card, fill, h, pill } from "../dom.js";
import { clock, dash, figure, fixed, percent, short, whole } from "../format.js";
import { grid } from "../grid.js";
import { get, live, on } from "../live.js";
import { parallel } from "../parallel.js";
import { colour, onScheme, uplot } from "../plots.js";

export function show(page) {
  const choice = h("select", { "aria-label": "Search to show", onchange: () => { chosen = choice.value; history.replaceState(null, "", `/search?job=${encodeURIComponent(chosen)}`); one(); } });
  const note = h("span.muted"), lines = h("div"), said = h("p.muted", { role: "status" }), best = h("div.chart"), bestCard = card("Best so far", { note: "score of valid trials" }, best), ledger = h("div.wide");
  let chosen = new URLSearchParams(location.search).get("job"), studies = [], ends = [], trials = -1, jobs = -1, at = 0, study = null;
  const table = grid({
    topic: "trials", label: "trials", rows: 10, search: false, empty: "No trial is on disk yet.",
    columns: [
      { name: "run", label: "Run", width: "minmax(7rem,2.4fr)", keep: true, sort: false, show: (row) => short(row.run) },
      { name: "number", label: "Trial", width: "4rem", end: true, keep: true, sort: false, show: (row) => whole(row.number) },
      { name: "score", label: "Score", width: "4.6rem", end: true, keep: true, sort: false, show: (row) => fixed(row.score, 3) },
      { name: "state", label: "State", width: "6rem", sort: false, show: (row) => pill(row.valid === false ? "not valid" : row.state ?? "", row.valid === false ? "warn" : "good") },
      { name: "origin", label: "From", width: "5.2rem", sort: false, show: (row) => row.origin ?? "" },
      { name: "params", label: "Parameters", width: "minmax(0,4fr)", sort: false, show: (row) => Object.entries(row.params ?? {}).map(([name, value]) => `${name} ${figure(value)}`).join("  ") },
    ],
    onOpen: (row) => details(`Trial ${row.number}`, { run: row.run, score: row.score, ...row.params, ...row.metrics, violations: row.violations, error: row.error }),
  });
  fill(page, h("div.page-head", {}, h("h1", {}, "Search"), h("span.muted", {}, "Every line is a trial: pull along an axis to keep a part of it, double-click for all")),
    h("div.stack", {},
      h("section.card", { "aria-label": "Parallel coordinates" }, h("header", {}, choice, note, h("div.right", {}, h("span.legend", {}, "score: low", h("span.ramp"), "high"))), lines, said),
      h("div.halves", {}, bestCard, card("Ledger", { note: "vectors ever tried, by asset and family" }, ledger)),
      card("Trials", { note: "newest run first" }, table.table)));

  async function list() {
    const told = await get("/api/table/studies", { limit: 500 }).catch(() => ({ rows: [] }));
    studies = told.rows;
    if (!studies.some((row) => row.id === chosen)) chosen = (studies.find((row) => row.phase === "refine") ?? studies[0])?.id ?? null;
    const rows = studies.map((row) => h("option", { value: row.id, selected: row.id === chosen }, `${short(row.id)}${row.trials ? ` · ${whole(row.trials)} trials` : ""}${row.best === null ? "" : ` · best ${fixed(row.best)}`}${row.status === "running" ? " · runs" : ""}`));
    fill(choice, rows.length ? rows : h("option", {}, "no search yet"));
  }

  async function one() {
    ends.forEach((end) => end());
    ends = [];
    if (!chosen) { fill(lines, h("p.empty", {}, "Nothing was searched yet. Trials appear here as the first search makes them.")); return; }
    try {
      study = await get("/api/search", { job: chosen });
      draw();
    } catch (error) {
      fill(lines, h("p.empty", {}, error.message));
      fill(best);
    }
  }

  function draw() {
    if (!study) return;
    const drawn = parallel(study, {
      onKept: (count, total) => fill(note, `${whole(count)} of ${whole(total)} shown${study.total > total ? ` · of ${whole(study.total)} tried the best and an even part of the rest` : ""}`),
      onNear: (trial) => fill(said, trial ? `${study.job.endsWith("prescreen") ? "rank" : "trial"} ${trial.number} · score ${fixed(trial.score, 3)} · Sharpe ${fixed(trial.annual_sharpe)} · drawdown ${percent(trial.max_drawdown)} · ${whole(trial.total_trades)} trades · ${Object.entries(trial.params).map(([name, value]) => `${name} ${figure(value)}`).join(", ")}` : "Point at a line to read it."),
    });
    fill(said, "Point at a line to read it.");
    fill(lines, drawn.element);
    ends.push(drawn.end);
    bestCard.classList.toggle("hidden", !study.best_so_far.length);
    if (study.best_so_far.length) bestOf(study, best, ends);
  }

  async function counts() {
    const told = await get("/api/ledger").catch(() => ({ rows: [] }));
    fill(ledger, told.rows.length ? h("table.plain", {}, h("thead", {}, h("tr", {}, ["Asset", "Family"].map((name) => h("th", {}, name)), ["Tried", "Batches", "Vault looks", "Last"].map((name) => h("th.end", {}, name)))),
      h("tbody", {}, told.rows.map((row) => h("tr", {}, h("td", {}, row.symbol), h("td", {}, row.family), row.trouble ? h("td.bad", { colSpan: 4 }, row.trouble) : [whole(row.tried), whole(row.batches), whole(row.looks), row.last ? clock(row.last, { day: true }).slice(0, 10) : dash].map((value) => h("td.end", {}, value)))))) : h("p.muted", {}, "Nothing was ever tried here."));
  }

  async function renew(state) {
    const changed = Math.max(state.changed.job ?? 0, state.changed.result ?? 0);
    const isDue = (state.trials !== trials && performance.now() - at > 3000) || changed !== jobs;
    if (!isDue) return;
    const isFirst = jobs === -1, isOther = state.trials !== trials;
    trials = state.trials;
    jobs = changed;
    at = performance.now();
    await list();
    if (isFirst || (isOther && studies.find((row) => row.id === chosen)?.status === "running") || !study) one();
    table.refresh();
    counts();
  }
  const off = [on("state", renew), onScheme(() => { if (study) { ends.forEach((end) => end()); ends = []; draw(); } })];
  if (live.state) renew(live.state);
  return () => { off.forEach((end) => end()); ends.forEach((end) => end()); table.end(); };
}

function bestOf(study, place, ends) {
  const steps = study.best_so_far;
  const numbers = steps.map(([number]) => number), scores = steps.map(([, score]) => score);
  uplot(place, { height: 210, scales: { x: { time: false } }, axes: [{ label: "trial", labelSize: 18, size: 34 }, { size: 48 }], series: [{ label: "trial" }, { label: "best score", stroke: colour("accent"), width: 2, points: { show: true, size: 5, fill: colour("accent") }, steps: true, value: (self, value) => fixed(value, 3) }] }, [numbers, scores])
    .then((made) => ends.push(made.end)).catch(() => {});
}
