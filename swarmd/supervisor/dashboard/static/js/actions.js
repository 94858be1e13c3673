/* Asking for something, always after a question: the action bar, the dialogs, and what came of it. */

import { act, live } from "./live.js";
import { facts, fill, h } from "./dom.js";
import { figure } from "./format.js";

const QUICK = { active: ["pause"], paused: ["resume"] };

export function control(verb) {
  return live.session?.controls.find((each) => each.verb === verb) ?? null;
}

/** What is offered at the top: what fits how it stands, and the rest behind a menu. */
export function actionBar() {
  const quick = h("span", {}), bar = h("div.actions", { role: "group", "aria-label": "Actions" }, quick);
  const more = h("button", { type: "button", "aria-haspopup": "dialog", onclick: () => menu() }, "Actions…");
  let before = "";
  bar.renew = () => {
    const alive = live.state?.daemon.alive, status = live.state?.campaign?.status;
    const verbs = alive ? (QUICK[status] ?? []).filter(control) : [];
    const now = `${verbs}/${alive}/${live.session?.controls.length}`;
    if (now === before) return;
    before = now;
    fill(quick, verbs.map((verb) => h("button", { type: "button", class: verb === "resume" ? "primary" : "", onclick: () => ask(verb) }, control(verb).label)));
    fill(bar, quick, live.session?.controls.length && alive ? more : null);
  };
  return bar;
}

function menu() {
  const general = live.session.controls.filter((each) => ["", "campaign"].includes(each.about));
  const named = live.session.controls.filter((each) => !["", "campaign"].includes(each.about));
  const buttons = (list) => list.map((each) => h("button", { type: "button", class: each.warn ? "warn" : "", onclick: () => { dialog.close(); ask(each.verb); } }, each.label));
  const dialog = opened("Actions", [
    h("div.tools", {}, buttons(general)),
    named.length ? [h("p.muted", {}, "About one lane, job or asset; also on its row:"), h("div.tools", {}, buttons(named))] : null,
    h("p.muted", {}, "Everything is asked once more before it is done. The same from a shell: swarmd --help"),
  ]);
}

/** Put the question, do it, and show at once how it stands then. */
export function ask(verb, subject = "") {
  const what = control(verb);
  if (!what) return;
  const needs = what.about && !subject;
  const given = what.about === "campaign" && needs ? live.state?.campaign?.name ?? "" : subject;
  const name = h("input", { type: "text", value: given, required: what.about && what.about !== "campaign", autocomplete: "off", spellcheck: false });
  const place = what.has_place ? h("select", {}, h("option", { value: "first" }, "at the head of the queue"), h("option", { value: "last" }, "at its end")) : null;
  const trouble = h("p.bad", { role: "alert" });
  const yes = h("button", { type: "submit", class: what.warn ? "danger" : "primary" }, what.label);
  const question = what.question.replace("{subject}", given || `this ${what.about}`);
  const form = h("form", { method: "dialog", onsubmit: submit },
    h("h2", {}, what.label), h("p", {}, question),
    needs ? h("label", {}, `Which ${what.about}`, name) : null,
    place ? h("label", {}, "Where", place) : null,
    trouble,
    h("div.row", {}, h("button", { type: "button", onclick: () => dialog.close() }, "Leave it"), yes));
  const dialog = shown(h("dialog", { "aria-label": what.label }, form));
  (needs && what.about !== "campaign" ? name : yes).focus();

  async function submit(event) {
    event.preventDefault();
    yes.disabled = true;
    fill(trouble);
    try {
      const body = { verb };
      if (what.about && (needs ? name.value : subject)) body.subject = needs ? name.value.trim() : subject;
      if (place) body.place = place.value;
      const told = await act(body);
      dialog.close();
      toast(`${what.label}: ${told.answer}`, told.refused);
    } catch (error) {
      fill(trouble, error.message);
      yes.disabled = false;
    }
  }
}

export function toast(text, isBad = false) {
  const note = h("div.toast", { class: isBad ? "bad" : "" }, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 9000);
}

/** A dialog that goes away with Escape, and is gone from the page then. */
export function shown(dialog) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.showModal();
  return dialog;
}

export function opened(title, children, buttons = []) {
  const dialog = h("dialog", { "aria-label": title });
  fill(dialog, h("div.inside", {}, h("h2", {}, title), children,
    h("div.row", {}, buttons, h("button", { type: "button", onclick: () => dialog.close() }, "Close"))));
  return shown(dialog);
}

/** Everything known of a row, and what can be asked about it. */
export function details(title, row, asks = []) {
  const buttons = live.state?.daemon.alive ? asks.filter(([verb]) => control(verb)).map(([verb, subject]) =>
    h("button", { type: "button", onclick: () => { dialog.close(); ask(verb, subject); } }, control(verb).label)) : [];
  const pairs = Object.entries(row).map(([name, value]) => [name.replaceAll("_", " "), said(value)]);
  const dialog = opened(title, facts(pairs), buttons);
}

function said(value) {
  if (value === null || value === undefined || value === "") return null;
  if (Array.isArray(value)) return value.length ? value.map((each) => (typeof each === "object" ? JSON.stringify(each) : String(each))).join(", ") : null;
  return typeof value === "object" ? JSON.stringify(value) : figure(value);
}
