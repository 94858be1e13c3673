/* Incidents: when, what, and the story of each from evidence to outcome. */

import { card, fill, h, pill } from "../dom.js";
import { clock, short, spoken, tone, words } from "../format.js";
import { grid } from "../grid.js";
import { get, live, on } from "../live.js";
import { colour, onScheme, painted } from "../plots.js";
import { tell } from "../story.js";

export function show(page) {
  const story = h("div", { "aria-live": "polite" }, h("p.empty", {}, "Choose an incident to read its story."));
  const strip = h("canvas.strip", { role: "img", "aria-label": "Incidents over time" });
  const span = h("span.muted");
  let points = [], seen = -1, read = new URLSearchParams(location.search).get("id");
  const open = (id) => {
    read = id;
    history.replaceState(null, "", `/incidents?id=${encodeURIComponent(id)}`);
    tell(story, id);
    if (innerWidth < 1100) story.scrollIntoView({ block: "start" });
  };
  const table = grid({
    topic: "incidents", label: "incidents", rows: 16, empty: "Nothing went wrong yet.",
    columns: [
      { name: "opened_at", label: "Opened", width: "9.4rem", keep: true, show: (row) => clock(row.opened_at, { day: true }) },
      { name: "signature", label: "What", width: "minmax(7rem,1fr)", keep: true, show: (row) => words(row.signature) },
      { name: "status", label: "Status", width: "5.6rem", keep: true, show: (row) => pill(row.status, tone(row.status)) },
      { name: "subject", label: "Whom", width: "minmax(0,1.5fr)", show: (row) => short(row.subject) || row.subject },
      { name: "at", label: "Took", width: "5.4rem", end: true, sort: false, show: (row) => (row.status === "closed" ? spoken((Date.parse(row.at) - Date.parse(row.opened_at)) / 1000) : "open") },
    ],
    onOpen: (row) => open(row.id),
  });
  fill(page, h("div.page-head", {}, h("h1", {}, "Incidents"), h("span.muted", {}, "What was seen, what was decided, what was done, and what came of it")),
    h("div.stack", {}, h("section.card", { "aria-label": "Timeline" }, h("header", {}, h("h2", {}, "Timeline"), span), strip),
      h("div.split", {}, table.element, card("Story", {}, story))));

  const draw = () => painted(strip, (pen, width, height) => {
    if (!points.length) { pen.fillStyle = colour("muted"); pen.font = "13px system-ui"; pen.fillText("no incident on record", 4, height / 2); return; }
    const goal = live.state?.campaign, first = Math.min(points[0].at, goal?.started_at ?? Infinity), last = Math.max(points.at(-1).end, goal?.now ?? 0, first + 60000);
    const x = (at) => 6 + ((at - first) / (last - first)) * (width - 12);
    pen.strokeStyle = colour("line-strong");
    pen.beginPath(); pen.moveTo(0, height - 18); pen.lineTo(width, height - 18); pen.stroke();
    points.forEach((point, at) => {
      const y = 10 + (at % 4) * 9;
      point.x = x(point.at);
      pen.fillStyle = pen.strokeStyle = colour(point.open ? "bad" : point.verified ? "good" : "warn");
      pen.lineWidth = 3; pen.globalAlpha = 0.45;
      pen.beginPath(); pen.moveTo(point.x, y); pen.lineTo(Math.max(point.x + 2, x(point.end)), y); pen.stroke();
      pen.globalAlpha = 1;
      pen.beginPath(); pen.arc(point.x, y, 3.5, 0, 7); pen.fill();
    });
    pen.fillStyle = colour("muted"); pen.font = "11px system-ui";
    pen.fillText(clock(first, { day: true }), 0, height - 4);
    const end = clock(last, { day: true });
    pen.fillText(end, width - pen.measureText(end).width, height - 4);
  });
  strip.addEventListener("click", (event) => {
    const at = event.offsetX, near = points.reduce((best, point) => (Math.abs(point.x - at) < Math.abs((best?.x ?? Infinity) - at) ? point : best), null);
    if (near) open(near.id);
  });

  const renew = async (state) => {
    if ((state.changed.incident ?? 0) === seen) return;
    seen = state.changed.incident ?? 0;
    table.refresh();
    if (read) tell(story, read);
    const told = await get("/api/table/incidents", { limit: 500 }).catch(() => null);
    if (!told) return;
    points = told.rows.map((row) => ({ id: row.id, at: Date.parse(row.opened_at), end: row.status === "closed" ? Date.parse(row.at) : Date.now(), open: row.status !== "closed", verified: row.is_verified })).sort((one, other) => one.at - other.at);
    points.forEach((point) => { point.end = Math.max(point.at, Math.min(point.end, state.campaign?.now ?? point.end)); });
    fill(span, `${points.length} shown · red is open, green was mended, amber ended without proof`);
    draw();
  };
  const ends = [on("state", renew), onScheme(draw)];
  addEventListener("resize", draw);
  if (live.state) renew(live.state);
  return () => { ends.forEach((end) => end()); table.end(); removeEventListener("resize", draw); };
}
