/* Now: the goal, its stages, what every lane does or why it waits, the machine against its targets, and what is wrong. */

import { details } from "../actions.js";
import { card, fill, h, meter, pill, say } from "../dom.js";
import { ago, bytes, clock, compact, dash, fixed, outcome, percent, short, spoken, tone, whole, words } from "../format.js";
import { grid } from "../grid.js";
import { get, live, on } from "../live.js";
import { onScheme, spark } from "../plots.js";
import { openStory } from "../story.js";

const ORDER = ["done", "running", "said_no", "failed", "quarantined", "skipped", "queued"];

export function show(page) {
  const banner = h("div"), goal = h("section.card.goal", { "aria-label": "Goal" }), tiles = h("section.tiles", { "aria-label": "Machine" }), troubles = h("div"), steps = h("div");
  const log = h("ul.log", { "aria-label": "Events" });
  const lanes = laneGrid(), nodes = nodeGrid();
  const idle = h("span.muted"), fleet = h("span.muted");
  const cluster = h("section.card.hidden", { "aria-label": "Nodes" }, h("header", {}, h("h2", {}, "Nodes"), fleet), nodes.table);
  fill(page, h("h1.sr", {}, "Now"), banner, h("div.stack", {},
    goal, tiles, cluster,
    h("div.split", {},
      h("div.stack", {}, h("section.card", { "aria-label": "Lanes" }, h("header", {}, h("h2", {}, "Lanes"), idle), lanes.table), steps),
      h("div.stack", {}, card("Open incidents", { right: h("a", { href: "/incidents" }, "all") }, troubles), card("What happened", { note: "UTC" }, log)))));
  let history = {}, asked = 0;

  const machine = async () => {
    if (performance.now() - asked > 15000 || !asked) {
      asked = performance.now();
      history = await get("/api/history").catch(() => history);
    }
    if (live.state) drawTiles(tiles, live.state, history);
  };
  const draw = (state) => {
    drawBanner(banner, state);
    drawGoal(goal, state);
    drawTroubles(troubles, state);
    drawSteps(steps, state);
    const { busy, total, why_idle: why } = state.lanes;
    say(idle, `${busy} of ${total} busy${why.length ? ` · ${why[0].lanes} idle: ${why[0].reason}` : ""}`);
    machine();
    lanes.refresh();
    cluster.classList.toggle("hidden", !state.nodes);
    if (state.nodes) { say(fleet, inShort(state.nodes)); nodes.refresh(); }
  };
  const drawLog = () => fill(log, live.events.length ? inTime(live.events).slice(0, 80).map(event) : h("li.empty", {}, "Nothing yet."));
  const ends = [on("state", draw), on("happened", drawLog), onScheme(machine)];
  if (live.state) draw(live.state);
  drawLog();
  return () => { ends.forEach((end) => end()); lanes.end(); nodes.end(); };
}

/** The newest first. What took a while is written down late, under the time it began. */
function inTime(events) {
  return events.slice().sort((one, other) => (one.at < other.at ? 1 : one.at > other.at ? -1 : other.seq - one.seq));
}

function event(row) {
  const isStory = row.kind === "incident";
  const text = row.text.replace(/^decided: /, "").replaceAll(`${live.state?.campaign?.name}.`, "");
  return h("li", {}, h("time", { title: `${clock(row.at, { day: true })} UTC` }, clock(row.at)),
    h("div", {}, h("span.agent", {}, row.agent), isStory ? h("button.ref", { type: "button", onclick: () => openStory(row.id) }, text) : text));
}

function drawBanner(place, state) {
  const text = state.daemon.alive ? "" : `No daemon runs. This is what the journal last knew${state.daemon.ended ? ` (${state.daemon.ended})` : ""}; start it with: swarmd start`;
  if (place.told === text) return;
  place.told = text;
  fill(place, text ? h("div.banner", { role: "status" }, text) : null);
}

function drawGoal(place, state) {
  const goal = state.campaign;
  if (!goal) { fill(place, h("div.empty", {}, "No campaign yet. Begin one with ", h("code", {}, "swarmd start CAMPAIGN.yaml"), ", or see it work with ", h("code", {}, "swarmd start --demo"), ".")); return; }
  const eta = goal.eta_s === null ? null : ["about ", h("b", {}, spoken(goal.eta_s)), " to go"];
  const rates = Object.entries(state.rates).map(([unit, rate]) => h("span", {}, h("b", {}, compact(rate)), ` ${unit}/s`));
  fill(place,
    h("div.line1", {}, h("h1", {}, goal.name), pill(goal.status, tone(goal.status)), h("span.muted", {}, goal.label || `${goal.strategy} · ${goal.modes.join(", ")} · ${goal.interval}`)),
    shares(goal.total, state.jobs),
    h("div.figures", {}, h("span", {}, h("b", {}, whole(goal.settled)), ` of ${whole(goal.total)} jobs settled`), eta && h("span", {}, eta),
      h("span", {}, h("b", {}, whole(goal.assets)), ` assets`), h("span", {}, goal.ended_at ? "took " : "running for ", h("b", {}, spoken(((goal.ended_at ?? goal.now) - goal.started_at) / 1000))), rates,
      h("span", {}, h("b", {}, whole(state.champions)), ` champion${state.champions === 1 ? "" : "s"} in force`),
      state.trials ? h("span", {}, h("b", {}, whole(state.trials)), " trials on disk") : null),
    goal.status === "active" || !goal.reason ? null : h("p.muted", {}, outcome(goal.reason)),
    h("div.stages", { role: "list", "aria-label": "Stages" }, state.stages.map(stage)));
}

function shares(total, counts) {
  const said = ORDER.filter((name) => counts[name]).map((name) => `${counts[name]} ${name.replace("_", " ")}`).join(", ");
  return h("div.bar", { role: "img", "aria-label": said, title: said }, ORDER.filter((name) => name !== "queued" && counts[name]).map((name) => h(`i.${name}`, { "width%": (counts[name] / Math.max(1, total)) * 100 })));
}

function stage(row) {
  const settled = row.total - row.queued - row.running;
  const said = ORDER.filter((name) => row[name] && name !== "done").map((name) => `${row[name]} ${name.replace("_", " ")}`).join(", ");
  return h("div.stage", { role: "listitem", class: row.running ? "on" : settled === row.total ? "over" : "" },
    h("div.name", {}, words(row.phase), h("span.num.muted", {}, `${settled}/${row.total}`)), shares(row.total, row),
    h("div.said", { title: said }, said || "done"));
}

function drawTiles(place, state, history) {
  const { host, lanes, daemon, devices } = state;
  const tile = (name, value, note, ...more) => h("div.tile", {}, h("div.name", {}, name), h("div.value", {}, value), more, h("div.note", { title: note }, note));
  const line = (id, target, label) => (history[id]?.length > 2 ? spark(history[id], { target, label }) : null);
  const low = host.disk_free_bytes !== null && host.disk_free_min && host.disk_free_bytes < 2 * host.disk_free_min;
  fill(place,
    tile("Processors", percent(host.cpu_util), `target ${percent(host.cpu_target)} · load ${fixed(host.load, 1)}`, meter(host.cpu_util, { target: host.cpu_target, label: "processor utilisation" }), line("host.cpu_util", host.cpu_target, "processor utilisation, last hour")),
    devices.map((gpu) => tile(`${gpu.id} · ${gpu.name}`, gpu.is_there ? percent(gpu.util) : "gone", gpu.is_there ? `${bytes(gpu.mem_used)} of ${bytes(gpu.mem_total)} · ${gpu.temp_c ?? dash}\u00a0°C` : gpu.trouble, meter(gpu.util, { target: gpu.target, label: `${gpu.id} utilisation` }), line(gpu.id, gpu.target, `${gpu.id}, last hour`))),
    tile("Memory", percent(host.mem_used), `${bytes(host.mem_available_bytes)} free of ${bytes(host.mem_total_bytes)}`, meter(host.mem_used, { label: "memory", tone: host.mem_used > 0.92 ? "bad" : "" }), line("host.mem_used", null, "memory, last hour")),
    tile("Lanes busy", [`${lanes.busy}`, h("small", {}, ` of ${lanes.total}`)], [lanes.held && `${lanes.held} held`, lanes.free && `${lanes.free} free`].filter(Boolean).join(" · ") || "all at work", meter(lanes.total ? lanes.busy / lanes.total : 0, { label: "lanes busy" })),
    tile("Disk free", bytes(host.disk_free_bytes), `pauses below ${bytes(host.disk_free_min)}`, low ? meter(0.05, { tone: "bad", label: "disk" }) : null),
    tile("Cycle", [daemon.cycle_ms.p50 === null ? dash : fixed(daemon.cycle_ms.p50, 1), h("small", {}, " ms p50")], `p99 ${fixed(daemon.cycle_ms.p99, 1)} ms · number ${whole(daemon.cycle)}`),
    tile("Pressure", [percent(host.psi.cpu), h("small", {}, " cpu")], `memory ${percent(host.psi.memory)} · disk ${percent(host.psi.io)}`, meter(host.psi.cpu, { label: "processor pressure", tone: host.psi.cpu > 0.8 ? "warn" : "" })));
}

function drawTroubles(place, state) {
  const told = JSON.stringify(state.incidents);
  if (place.told === told) return;
  place.told = told;
  const { newest, open, closed } = state.incidents;
  fill(place, newest.length ? newest.slice().reverse().map((row) => h("div.trouble", {},
    h("button.ref", { type: "button", onclick: () => openStory(row.id) }, `${words(row.signature)} · ${short(row.subject) || row.subject}`),
    h("div", {}, row.cause), h("div.muted", {}, `${row.remedy} · ${ago(row.opened_at, state.campaign?.now ?? Date.now())}`))) : h("p.muted", {}, `None.${closed ? ` ${closed} came and ${closed === 1 ? "was" : "were"} closed.` : ""}`),
  open > newest.length ? h("p.muted", {}, `and ${open - newest.length} more`) : null);
}

function drawSteps(place, state) {
  fill(place, state.next_steps.length ? card("Next steps", {}, h("ul.log", {}, state.next_steps.map((row) => h("li", {}, h("span.muted", {}, row.agent.split("_")[0]), h("div", {}, row.what, h("div.muted", {}, `expected: ${row.expected_outcome}`)))))) : null);
}

function laneGrid() {
  return grid({
    topic: "lanes", label: "lanes", rows: 12, search: false,
    empty: "No lanes yet.",
    columns: [
      { name: "id", label: "Lane", width: "3.8rem", keep: true },
      { name: "symbol", label: "Work", width: "minmax(6rem,2.6fr)", keep: true, span: (row) => !row.run, show: (row) => (row.run ? [row.symbol, row.phase, live.state?.campaign?.modes.length > 1 ? row.mode : ""].filter(Boolean).join(" · ") : wait(row)), title: (row) => row.waits },
      { name: "share", label: "Progress", width: "minmax(3.2rem,1fr)", keep: true, show: (row) => (row.share === null ? (row.run ? row.standing : "") : meter(row.share, { label: `progress of ${row.id}` })), title: (row) => percent(row.share, 1) },
      { name: "done", label: "Done", width: "minmax(0,7.6rem)", end: true, show: (row) => (row.done === null || row.done === undefined ? "" : `${whole(row.done)}${row.total ? ` / ${whole(row.total)}` : ""} ${row.unit}`) },
      { name: "rate", label: "Rate", width: "4.4rem", end: true, show: (row) => (row.rate ? `${compact(row.rate)}/s` : "") },
      { name: "eta_s", label: "Left", width: "4.6rem", end: true, keep: true, show: (row) => (row.eta_s === null || row.eta_s === undefined ? "" : spoken(row.eta_s)) },
    ],
    onOpen: (row) => details(`Lane ${row.id}`, row, row.run ? [["kill", row.id]] : []),
  });
}

/** What stands where, and the money: "4 of 5 there · 1 gone · 2.40 an hour · 7.13 so far". */
function inShort({ total, standing, price_per_hour: price, cost }) {
  const others = ["resting", "unheard", "gone"].filter((name) => standing[name]).map((name) => `${standing[name]} ${name}`);
  return [`${standing.there ?? 0} of ${total} there`, ...others, price !== null && `${fixed(price)} an hour`, cost !== null && `${fixed(cost)} so far`].filter(Boolean).join(" · ");
}

const STANDS = { there: "good", unheard: "warn", resting: "warn", gone: "bad" };

function nodeGrid() {
  const filled = (row, share, target, what) => (share === null ? dash : h("div.filled", {}, meter(share, { target, label: `${what} of ${row.id}` }), h("span", {}, percent(share))));
  return grid({
    topic: "nodes", label: "nodes", rows: 8, search: false,
    columns: [
      { name: "id", label: "Node", width: "minmax(4.5rem,1fr)", keep: true },
      { name: "standing", label: "Stands", width: "5.6rem", keep: true, show: (row) => pill(row.standing, STANDS[row.standing]), title: (row) => row.trouble },
      { name: "lanes", label: "Lanes", width: "3.6rem", end: true, keep: true, show: (row) => `${row.lanes}/${row.carries}` },
      { name: "runs", label: "Busy", width: "3rem", end: true, show: (row) => whole(row.runs) },
      { name: "cpu_util", label: "Processors", width: "minmax(5.2rem,1fr)", keep: true, show: (row) => filled(row, row.cpu_util, row.cpu_target, "processors") },
      { name: "gpu_util", label: "Graphics", width: "minmax(5.2rem,1fr)", show: (row) => (row.gpus ? filled(row, row.gpu_util, null, "graphics processors") : "none") },
      { name: "mem_used", label: "Memory", width: "4rem", end: true, show: (row) => percent(row.mem_used) },
      { name: "price_per_hour", label: "An hour", width: "4.2rem", end: true, show: (row) => fixed(row.price_per_hour) },
      { name: "cost", label: "So far", width: "4.4rem", end: true, show: (row) => fixed(row.cost) },
      { name: "trouble", label: "Said", width: "minmax(0,2fr)", show: (row) => row.trouble },
    ],
    onOpen: (row) => details(`Node ${row.id}`, row),
  });
}

function wait(row) {
  return h("span.muted", { title: row.waits }, pill(row.standing, tone(row.standing)), " ", row.waits);
}
