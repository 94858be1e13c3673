/* The frame: pages by address, the top line, the keyboard. A page is a module with `title` and `show(page)`; what that gives
   back ends it. */

import { actionBar, opened } from "./actions.js";
import { fill, h, icon, pill, say } from "./dom.js";
import { tone } from "./format.js";
import { begin, live, on, Told } from "./live.js";
import * as now from "./pages/now.js";
import { go, readOnes, route } from "./route.js";

const PAGES = [
  { path: "/", name: "Now", key: "n", load: async () => now, icon: "M3 12h4l3-8 4 16 3-8h4" },
  { path: "/assets", name: "Assets", key: "a", load: () => import("./pages/assets.js"), icon: "M4 5h16M4 12h16M4 19h10" },
  { path: "/champion", name: "Champion", key: "c", load: () => import("./pages/champion.js"), icon: "M8 4h8v5a4 4 0 0 1-8 0zM8 6H4v1a4 4 0 0 0 4 4M16 6h4v1a4 4 0 0 1-4 4M12 13v4M8 20h8" },
  { path: "/search", name: "Search", key: "s", load: () => import("./pages/search.js"), icon: "M4 4v16M10 4v16M16 4v16M22 4v16M4 15l6-7 6 9 6-10" },
  { path: "/incidents", name: "Incidents", key: "i", load: () => import("./pages/incidents.js"), icon: "M12 3l10 18H2zM12 10v5M12 18v.1" },
  { path: "/time", name: "Time", key: "t", load: () => import("./pages/time.js"), icon: "M12 3a9 9 0 1 1-8.5 6M3 4v5h5M12 8v5l3 2" },
  { path: "/inbox", name: "Inbox", key: "x", load: () => import("./pages/inbox.js"), icon: "M3 13l3-9h12l3 9v7H3zM3 13h5l1 3h6l1-3h5" },
];

const page = document.getElementById("page"), top = document.getElementById("top"), nav = document.getElementById("nav");
const counts = {};
let leave = null, turn = 0;

function drawNav() {
  const items = PAGES.map((each) => {
    counts[each.path] = h("b.count.hidden", {});
    return h("a.item", { href: each.path, title: `${each.name}  (g ${each.key})` }, icon(each.icon), h("span", {}, each.name), counts[each.path]);
  });
  fill(nav, h("a.brand", { href: "/", "aria-label": "swarmd, now" }, h("img", { src: "/static/favicon.svg", alt: "" }), h("span", {}, "swarmd")), items,
    h("div.foot", {}, h("div", { title: live.session?.home ?? "" }, (live.session?.home ?? "").split("/").at(-1)), h("div", {}, `v${live.session?.version ?? ""} · `, h("kbd", {}, "?"), " keys")));
}

const who = h("div.who"), link = h("div.link", { role: "status" }), bar = actionBar();

function drawTop() {
  const state = live.state, campaign = state?.campaign;
  const told = [campaign?.name, campaign?.status].join();
  if (who.told !== told) { who.told = told; fill(who, h("b", {}, campaign?.name ?? "no campaign"), campaign ? pill(campaign.status, tone(campaign.status)) : null); }
  const [dot, text] = connection(state);
  if (link.told !== text + dot) { link.told = text + dot; fill(link, h(`span.dot.${dot}`), text); }
  bar.renew();
  if (!top.childElementCount) fill(top, who, link, bar);
  badge("/incidents", state?.incidents.open ?? 0);
  const read = new Set(readOnes());
  badge("/inbox", (state?.inbox ?? []).filter((item) => item.level === "act" && !read.has(item.id)).length);
  document.title = `${state?.incidents.open ? `(${state.incidents.open}) ` : ""}${current()?.name ?? ""} · ${campaign?.name ?? "swarmd"}`;
}

function connection(state) {
  if (live.connection !== "live") return ["wait", "connection lost, trying again"];
  if (!state) return ["wait", "connecting"];
  if (!state.daemon.alive) return ["lost", "daemon not running · last known"];
  const p50 = state.daemon.cycle_ms.p50;
  return ["live", `live · pid ${state.daemon.pid}${p50 === null ? "" : ` · cycle ${p50.toFixed(0)} ms`}`];
}

function badge(path, count) {
  const element = counts[path];
  element.classList.toggle("hidden", !count);
  say(element, String(count));
  element.setAttribute("aria-label", `${count} open`);
}

function current() {
  return PAGES.find((each) => each.path === location.pathname);
}

async function show() {
  const each = current() ?? PAGES[0], mine = (turn += 1);
  for (const item of nav.querySelectorAll("a.item")) if (item.getAttribute("href") === each.path) item.setAttribute("aria-current", "page"); else item.removeAttribute("aria-current");
  leave?.();
  leave = null;
  try {
    const module = await each.load();
    if (mine !== turn) return;
    page.replaceChildren();
    page.dataset.page = each.name.toLowerCase();
    leave = module.show(page) ?? null;
  } catch (error) {
    if (mine === turn) fill(page, h("div.banner", {}, error instanceof Told ? error.message : `${each.name} could not be shown: ${error.message}`));
  }
  drawTop();
}

route.show = () => show().then(() => page.focus({ preventScroll: true }));

document.addEventListener("click", (event) => {
  const anchor = event.target.closest?.("a[href^='/']");
  if (!anchor || anchor.target || event.metaKey || event.ctrlKey || event.shiftKey || !PAGES.some((each) => each.path === anchor.pathname)) return;
  event.preventDefault();
  go(anchor.pathname + anchor.search);
});
addEventListener("popstate", show);
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

let pending = 0;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const isTyping = event.target.matches?.("input, select, textarea");
  if (isTyping) { if (event.key === "Escape") event.target.blur(); return; }
  if (event.key === "/") { const box = page.querySelector("input[type=search]"); if (box) { event.preventDefault(); box.focus(); box.select(); } return; }
  if (event.key === "?") return keys();
  if (event.key === "g") { pending = performance.now(); return; }
  const target = performance.now() - pending < 1500 ? PAGES.find((each) => each.key === event.key) : null;
  pending = 0;
  if (target) { event.preventDefault(); go(target.path); }
});

function keys() {
  const rows = [...PAGES.map((each) => [`g ${each.key}`, each.name]), ["/", "filter the table"], ["↑ ↓ Enter", "move in a table, open a row"], ["← →", "on Time: a step back, forward"], ["Esc", "close, leave the filter"], ["?", "these keys"]];
  opened("Keys", h("dl.facts", {}, rows.map(([key, what]) => [h("dt", {}, key.split(" ").map((each) => [h("kbd", {}, each), " "])), h("dd", {}, what)])));
}

on("state", drawTop);
on("connection", drawTop);
try {
  drawNav();
  await begin();
  drawNav();
  await show();
} catch (error) {
  fill(page, h("div.banner", {}, error instanceof Told ? error.message : `The dashboard could not begin: ${error.message}`), h("button", { onclick: () => location.reload() }, "Try again"));
}
