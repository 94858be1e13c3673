/* Assets: the tracker, one row an asset and mode, and every job behind it. */

import { details } from "../actions.js";
import { card, fill, h, pill } from "../dom.js";
import { figure, fixed, short, tone, whole } from "../format.js";
import { grid } from "../grid.js";
import { on } from "../live.js";

export function show(page) {
  const status = (row) => {
    const word = row["Screen Status"];
    return pill(word, tone(word) || (word.endsWith("runs") ? "accent" : word.endsWith("held") ? "warn" : ""));
  };
  // A reason begins with the asset's name: there is no need of it twice.
  const bare = (text, symbol) => (text ?? "").replace(new RegExp(`^${symbol}( [\\w-]+){0,2}: `), "");
  const tracker = grid({
    topic: "tracker", label: "assets", rows: 14, empty: "No campaign yet: there is nothing to track.",
    columns: [
      { name: "Asset", label: "Asset", width: "minmax(7.4rem,1.4fr)", keep: true },
      { name: "Tier", label: "Tier", width: "4.6rem" },
      { name: "Mode", label: "Mode", width: "6.6rem" },
      { name: "Screen Status", label: "Status", width: "minmax(5.4rem,7.6rem)", keep: true, show: status },
      { name: "Sharpe", label: "Sharpe", width: "3.9rem", end: true, keep: true, show: (row) => fixed(row.Sharpe) },
      { name: "WFE", label: "WFE", width: "4rem", end: true, show: (row) => fixed(row.WFE) },
      { name: "Guards", label: "Guards", width: "4.4rem", end: true, show: (row) => row.Guards ?? "–" },
      { name: "Evidence p", label: "p", width: "5.2rem", end: true, show: (row) => figure(row["Evidence p"]) },
      { name: "Prod Ready", label: "Ready", width: "3.4rem", keep: true, show: (row) => pill(row["Prod Ready"], tone(row["Prod Ready"])) },
      { name: "Reason", label: "Why", width: "minmax(0,3fr)", show: (row) => bare(row.Reason, row.Asset) },
    ],
    onOpen: (row) => details(`${row.Asset} ${row.Mode}`, row, [["prioritise", row.Asset]]),
  });
  const jobs = grid({
    topic: "jobs", label: "jobs", rows: 12, empty: "No jobs yet.",
    columns: [
      { name: "id", label: "Job", width: "minmax(8rem,2.2fr)", keep: true, show: (row) => short(row.id) },
      { name: "status", label: "Status", width: "6.6rem", keep: true, show: (row) => pill(row.status, tone(row.status)) },
      { name: "attempt", label: "Attempt", width: "4rem", end: true, show: (row) => whole(row.attempt) },
      { name: "waits", label: "Waits for", width: "minmax(0,1.3fr)", show: (row) => row.waits },
      { name: "reason", label: "Said", width: "minmax(0,3fr)", show: (row) => bare(row.reason, row.symbol) },
    ],
    onOpen: (row) => details(short(row.id), row, ["failed", "quarantined", "skipped"].includes(row.status) ? [["retry", row.id]] : [["prioritise", row.symbol]]),
  });
  fill(page, h("div.page-head", {}, h("h1", {}, "Assets"), h("span.muted", {}, "Where each asset stands on its way from the data to production")),
    h("div.stack", {}, tracker.element, card("Jobs", { note: "every phase of every asset" }, jobs.tools, jobs.table)));
  let seen = 0, at = 0;
  const end = on("state", (state) => {
    const { job = 0, result = 0, run = 0, champion = 0 } = state.changed, newest = Math.max(job, result, run, champion);
    // That a wait is over no line says: of work that goes on the jobs are asked for anew now and then.
    const isDue = state.daemon.alive && state.campaign?.status === "active" && performance.now() - at > 3000;
    if (newest === seen && !isDue) return;
    if (newest !== seen) tracker.refresh();
    seen = newest;
    at = performance.now();
    jobs.refresh();
  });
  return () => { end(); tracker.end(); jobs.end(); };
}
