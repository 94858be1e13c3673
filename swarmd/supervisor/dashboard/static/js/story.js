/* The story of an incident: evidence, decision, remedy, what was hoped for, what came of it; and the chain behind anything. */

import { opened } from "./actions.js";
import { fill, h, pill } from "./dom.js";
import { clock, spoken, tone, words } from "./format.js";
import { get } from "./live.js";

export function storyOf(told) {
  const story = told.incident;
  if (!story) return chain(told.chain);
  const { evidence, decision, remedy, expected, outcome } = story;
  const end = outcome
    ? step(outcome.is_verified ? "good" : "bad", "Outcome", outcome.at, outcome.text, `after ${spoken(outcome.took_ms / 1000)}, ${outcome.in_time ? "in time" : "late"}${outcome.is_verified ? ", verified" : ", not verified"}`)
    : step("wait", "Outcome", null, "still open", `due ${clock(expected.due, { day: true })}`);
  return h("div.stack", {},
    h("div", {}, h("b", {}, words(story.signature)), " ", pill(story.status, tone(story.status)), h("div.muted.mono", {}, story.subject)),
    h("ol.story", {},
      step("bad", "Evidence", evidence.seen[0]?.at, evidence.seen.map((row) => h("p", {}, row.text)), evidence.files.length ? `kept: ${evidence.files.join(", ")}` : ""),
      step("", `Decision by ${decision.agent.replaceAll("_", " ")}`, decision.at, decision.cause, ""),
      step("", "Remedy", null, remedy.text, [remedy.rung && `rung: ${remedy.rung}. `, remedy.remedies], remedy.deeds.map((deed) => h("p.small", {}, `${clock(deed.at)} ${deed.text.replace(/^decided: /, "")}`))),
      step("", "Expected", null, expected.text, `by ${clock(expected.due, { day: true })}`),
      end),
    h("details", {}, h("summary.muted", {}, `The chain of ${told.chain.length} records behind it`), chain(told.chain)));
}

function step(mood, title, at, text, small, more = null) {
  return h("li", { class: mood }, h("div", {}, h("h3", {}, title, at ? ` · ${clock(at, { day: true })}` : ""), typeof text === "string" ? h("p", {}, text) : text, small && h("p.small", {}, small), more));
}

export function chain(rows) {
  return h("ul.log", {}, rows.map((row) => h("li", {}, h("time", {}, clock(row.at)), h("div", {}, h("span.agent", {}, row.agent), row.text))));
}

export function openStory(id) {
  const place = h("div", {}, h("p.muted", {}, "Reading the journal…"));
  opened("Why", place);
  tell(place, id);
}

export async function tell(place, id) {
  try {
    fill(place, storyOf(await get("/api/explain", { id })));
  } catch (error) {
    fill(place, h("p.muted", {}, error.message));
  }
}
