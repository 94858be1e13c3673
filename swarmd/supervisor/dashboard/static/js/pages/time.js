/* Time: how it stood at any instant since the journal began, by moving a handle. */

import { card, fill, h, pill } from "../dom.js";
import { clock, compact, figure, fixed, outcome, percent, short, tone, whole, words } from "../format.js";
import { get, on } from "../live.js";
import { colour, onScheme, painted } from "../plots.js";

const STEPS = [["−10 min", -600e3], ["−1 min", -60e3], ["−1 s", -1e3], ["+1 s", 1e3], ["+1 min", 60e3], ["+10 min", 600e3]];

export function show(page) {
  let from = 0, to = 1, at = 0, marks = [], turn = 0, timer = 0;
  const range = h("input", { type: "range", min: 0, max: 1, step: 1, "aria-label": "Instant" });
  const label = h("b.num"), note = h("span.muted"), strip = h("canvas.strip", { role: "img", "aria-label": "Sessions, incidents and champions over time" });
  const seen = h("div.stack", { "aria-live": "off" }, h("div.skeleton"));
  const jump = (way) => { const near = marks.filter((mark) => (way > 0 ? mark.at > at : mark.at < at)); const next = way > 0 ? near[0] : near.at(-1); if (next) move(next.at); };
  fill(page, h("div.page-head", {}, h("h1", {}, "Time"), h("span.muted", {}, "The same picture the agents decided from, as it was known then")),
    h("section.card.gap", { "aria-label": "Scrub" }, h("div.scrub", {}, h("div.tools", {}, label, note, h("span", { class: "right" })), range, strip,
      h("div.tools", {}, h("button", { type: "button", onclick: () => jump(-1) }, "◂ before"), STEPS.map(([name, by]) => h("button", { type: "button", onclick: () => move(at + by) }, name)), h("button", { type: "button", onclick: () => jump(1) }, "next ▸")))),
    seen);

  function move(instant, isQuiet = false) {
    at = Math.round(Math.max(from, Math.min(to, instant)));
    range.value = at;
    range.setAttribute("aria-valuetext", `${clock(at, { day: true })} UTC`);
    fill(label, `${clock(at, { day: true })} UTC`);
    draw();
    clearTimeout(timer);
    timer = setTimeout(look, isQuiet ? 0 : 140);
  }

  async function look() {
    const mine = (turn += 1);
    try {
      const told = await get("/api/at", { at });
      if (mine === turn) { fill(note, told.note || (told.daemon.alive ? `the daemon ran, session ${told.run_id}` : "no daemon ran")); fill(seen, picture(told)); history.replaceState(null, "", `/time?at=${at}`); }
    } catch (error) {
      if (mine === turn) { fill(note, error.message); }
    }
  }

  const draw = () => painted(strip, (pen, width, height) => {
    const x = (instant) => 8 + ((instant - from) / Math.max(1, to - from)) * (width - 16), line = height - 18;
    pen.strokeStyle = colour("line-strong"); pen.beginPath(); pen.moveTo(0, line); pen.lineTo(width, line); pen.stroke();
    for (const mark of marks) {
      pen.strokeStyle = pen.fillStyle = colour({ incident: "bad", session: "info", champion: "good" }[mark.kind] ?? "muted");
      pen.beginPath(); pen.moveTo(x(mark.at), line); pen.lineTo(x(mark.at), line - { incident: 12, session: 26, champion: 19 }[mark.kind]); pen.stroke();
      pen.beginPath(); pen.arc(x(mark.at), line - { incident: 12, session: 26, champion: 19 }[mark.kind], 3, 0, 7); pen.fill();
    }
    pen.strokeStyle = colour("text"); pen.lineWidth = 1.5; pen.beginPath(); pen.moveTo(x(at), 0); pen.lineTo(x(at), line + 4); pen.stroke();
    pen.fillStyle = colour("muted"); pen.font = "11px system-ui";
    pen.fillText(clock(from, { day: true }), 0, height - 3);
    const end = clock(to, { day: true });
    pen.fillText(end, width - pen.measureText(end).width, height - 3);
  });
  range.addEventListener("input", () => move(Number(range.value)));
  strip.addEventListener("click", (event) => move(from + ((event.offsetX - 8) / Math.max(1, strip.clientWidth - 16)) * (to - from)));
  const keys = (event) => {
    if (event.target.matches("input, select") || document.querySelector("dialog[open]")) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) { event.preventDefault(); move(at + by * (event.shiftKey ? 60e3 : Math.max(1e3, (to - from) / 200))); }
  };
  document.addEventListener("keydown", keys);
  addEventListener("resize", draw);

  (async () => {
    try {
      const span = await get("/api/time");
      if (!span.from) { fill(seen, h("p.empty", {}, "The journal is empty: there is no past yet.")); return; }
      ({ from, to, marks } = span);
      range.min = from;
      range.max = to;
      const asked = Number(new URLSearchParams(location.search).get("at"));
      move(asked >= from && asked <= to ? asked : to, true);
    } catch (error) {
      fill(seen, h("div.banner", {}, error.message));
    }
  })();
  const ends = [onScheme(draw), on("state", (state) => { if (state.campaign && state.daemon.alive && state.campaign.now > to) { to = state.campaign.now; range.max = to; draw(); } })];
  return () => { ends.forEach((end) => end()); clearTimeout(timer); turn += 1; document.removeEventListener("keydown", keys); removeEventListener("resize", draw); };
}

function picture(told) {
  const goal = told.campaign, host = told.host;
  return h("div.halves", {},
    h("div.stack", {},
      card("Goal", { right: goal ? pill(goal.status, tone(goal.status)) : null },
      goal ? [h("p", {}, h("b", {}, goal.name), ` · ${goal.settled} of ${goal.total} jobs settled${goal.reason ? ` · ${outcome(goal.reason)}` : ""}`),
        plain(["Phase", "Done", "Running", "Queued", "Not passed"], told.stages.map((row) => [words(row.phase), row.done, row.running, row.queued, row.said_no + row.failed + row.quarantined + row.skipped]), [1, 2, 3, 4])] : h("p.muted", {}, "No campaign was known then.")),
      card("Last decisions", {}, h("ul.log", {}, told.actions.map((row) => h("li", {}, h("time", {}, clock(row.at)), h("div", {}, h("span.agent", {}, row.agent), `${row.what}: ${row.reason}`)))))),
    h("div.stack", {},
      card("Lanes", { note: `${told.lanes.busy} of ${told.lanes.total} busy · processors ${percent(host.cpu_util)}` },
      told.lane_rows.length ? plain(["Lane", "Work", "Done", "Rate"], told.lane_rows.map((row) => [row.id, row.run ? `${short(row.job)}` : row.waits || row.standing, row.run && row.total ? percent(row.share) : "", row.rate ? `${compact(row.rate)}/s` : ""]), [2, 3]) : h("p.muted", {}, "None.")),
      told.nodes ? card("Nodes", { note: `${told.nodes.standing.there ?? 0} of ${told.nodes.total} there` }, plain(["Node", "Stands", "Lanes", "Processors", "Said"], told.node_rows.map((row) => [row.id, row.standing, `${row.lanes}/${row.carries}`, percent(row.cpu_util), row.trouble]), [2, 3])) : null,
      card("Assets", {}, told.tracker.length ? plain(["Asset", "Mode", "Status", "Sharpe", "Ready"], told.tracker.map((row) => [row.Asset, row.Mode, row["Screen Status"], fixed(row.Sharpe), row["Prod Ready"]]), [3]) : h("p.muted", {}, "None.")),
      card("Open incidents", { note: `${told.incidents.closed} closed by then` }, told.incidents.newest.length ? h("ul.log", {}, told.incidents.newest.map((row) => h("li", {}, h("time", {}, clock(row.opened_at)), h("div", {}, h("b", {}, words(row.signature)), ` ${row.subject}: ${row.cause}`)))) : h("p.muted", {}, "None.")),
      card("Champions", {}, told.champion_rows.length ? plain(["Niche", "Mode", "Out of sample", "Tried", "Stands"], told.champion_rows.map((row) => [row.id, row.mode, fixed(row.oos_annual_sharpe), whole(row.tried), row.status.replaceAll("_", " ")]), [2, 3]) : h("p.muted", {}, "None."))));
}

/** `ends` are the columns of figures. */
function plain(names, rows, ends = []) {
  return h("div.wide", {}, h("table.plain", {}, h("thead", {}, h("tr", {}, names.map((name, at) => h(`th${ends.includes(at) ? ".end" : ""}`, { scope: "col" }, name)))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value, at) => h(`td${ends.includes(at) ? ".end" : ""}`, {}, figure(value))))))));
}
