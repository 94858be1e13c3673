/* Inbox: what wants a person, and what one would like to know; nothing here hangs on a channel that can fail. */

import { fill, h } from "../dom.js";
import { clock } from "../format.js";
import { get, live, on } from "../live.js";
import { go, markRead, readOnes } from "../route.js";
import { openStory } from "../story.js";

const LEVELS = [["all", "All"], ["act", "Wants a decision"], ["look", "Worth a look"], ["good", "Good news"]];

export function show(page) {
  let level = "all", rows = [], seen = "";
  const list = h("div.card", { role: "list", "aria-label": "Messages" });
  const tabs = h("div.tools", { role: "group", "aria-label": "Levels" });
  const all = h("button.quiet", { type: "button", onclick: () => { markRead(rows.map((row) => row.id)); draw(); } }, "Mark all read");
  fill(page, h("div.page-head", {}, h("h1", {}, "Inbox"), h("span.muted", {}, "What the swarm would tell you if you stood beside it")), tabs, list);

  function draw() {
    const read = new Set(readOnes());
    fill(tabs, LEVELS.map(([name, label]) => {
      const count = rows.filter((row) => name === "all" || row.level === name).length;
      return h("button", { type: "button", "aria-pressed": String(level === name), class: level === name ? "primary" : "", onclick: () => { level = name; draw(); } }, `${label} ${count}`);
    }), all);
    const shown = rows.filter((row) => level === "all" || row.level === level);
    fill(list, shown.length ? shown.map((row) => message(row, read.has(row.id), draw)) : h("p.empty", {}, "Nothing here. It works, or nothing was begun."));
  }

  async function renew() {
    const told = await get("/api/table/inbox", { limit: 300 }).catch(() => null);
    if (told) { rows = told.rows; draw(); }
  }
  const end = on("state", (state) => {
    const { incident, job, champion, campaign, request, step, finding } = state.changed, now = [incident, job, champion, campaign, request, step, finding, state.daemon.alive].join();
    if (now !== seen) { seen = now; renew(); }
  });
  renew();
  return end;
}

function message(row, isRead, redraw) {
  const more = row.id.startsWith("incident/") ? h("button.link", { type: "button", onclick: () => { openStory(row.about); done(); } }, "Its story")
    : row.id.startsWith("champion/") ? h("button.link", { type: "button", onclick: () => go(`/champion?niche=${encodeURIComponent(row.about)}`) }, "Show it") : null;
  const done = () => { markRead([row.id]); redraw(); };
  return h("article.mail", { role: "listitem", class: isRead ? "read" : "" }, h(`span.dot.${row.level}`, { title: row.level }),
    h("div", {}, h("h3", {}, row.title), h("p", {}, row.text), row.do ? h("div.do", {}, row.do) : null, more),
    h("div", {}, h("time", {}, clock(row.at, { day: true })), isRead ? null : h("div", {}, h("button.quiet", { type: "button", onclick: done }, "Mark read"))));
}
