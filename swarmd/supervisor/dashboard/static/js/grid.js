/* A table of any length: the server sorts and filters, the browser holds the pages around what is seen and draws only that.

   Rows have one height, so that row 80,000 is where arithmetic says. `columns` are {name, label, width, end, keep, show, sort}:
   `show(row)` gives text or a node, `span(row)` whether it takes the rest of the line, `keep` stays on a phone, `sort: false`
   where the server cannot. */

import { get } from "./live.js";
import { fill, h } from "./dom.js";
import { figure, whole } from "./format.js";

const PAGE = 100;
const MARGIN = 6;
const narrow = matchMedia("(max-width: 640px)");

export function grid({ topic, columns, label, onOpen = null, rows = 12, sort = "", search = true, empty = "Nothing yet.", onTotal = () => {}, fixed = null }) {
  const height = 2.3 * parseFloat(getComputedStyle(document.documentElement).fontSize);
  let total = 0, order = sort, words = "", asked = 0, chosen = 0;
  const pages = new Map(), loading = new Map(), lines = new Map();
  const tall = h("div", { role: "presentation" });
  const scroll = h("div.scroll", { role: "rowgroup", tabIndex: -1 }, tall);
  const head = h("div.head", { role: "row" });
  const none = h("div.empty.hidden", {}, empty);
  const table = h("div.grid", { role: "table", "aria-label": label, class: onOpen ? "opens" : "" }, h("div", { role: "rowgroup" }, head), scroll, none);
  const box = h("input", { type: "search", placeholder: "Filter  ( / )", "aria-label": `Filter ${label}`, class: "filter" });
  const count = h("span.muted", { "aria-live": "polite" });
  const file = h("a", { download: `${topic}.csv`, title: "These rows, as sorted and filtered, for a spreadsheet" }, "CSV");
  const tools = search ? h("div.tools", {}, box, count, fixed ? null : file) : null;

  const shown = () => columns.filter((column) => !narrow.matches || column.keep);

  function drawHead() {
    file.href = `/api/csv/${topic}?${new URLSearchParams({ sort: order, filter: words })}`;
    table.style.setProperty("--columns", shown().map((column) => column.width ?? "minmax(0,1fr)").join(" "));
    fill(head, shown().map((column) => {
      const up = order === column.name, down = order === `-${column.name}`;
      const props = { role: "columnheader", class: column.end ? "end" : "" };
      if (up || down) props["aria-sort"] = up ? "ascending" : "descending";
      const mark = up ? " ↑" : down ? " ↓" : "";
      const can = column.sort !== false && !fixed;
      return h("div.cell", props, can ? h("button", { type: "button", onclick: () => sortBy(column.name) }, column.label + mark) : column.label);
    }));
  }

  function sortBy(name) {
    order = order === `-${name}` ? name : order === name ? "" : `-${name}`;
    drawHead();
    start();
  }

  /** Begin at the top with another order or filter. */
  function start() {
    pages.clear();
    scroll.scrollTop = 0;
    chosen = 0;
    refresh();
  }

  /** Ask anew for what is seen; what was asked before and comes later is dropped. */
  async function refresh() {
    if (fixed) return take(0, { total: fixed().length, rows: fixed() }, true);
    asked += 1;
    loading.clear();
    const { first, last } = seen();
    const wanted = [...new Set([Math.floor(first / PAGE), Math.floor(last / PAGE)])];
    for (const kept of [...pages.keys()]) if (!wanted.includes(kept)) pages.delete(kept);
    await Promise.all(wanted.map((page) => load(page)));
  }

  async function load(page) {
    if (loading.has(page)) return;
    loading.set(page, true);
    const turn = asked;
    try {
      const told = await get(`/api/table/${topic}`, { cursor: page * PAGE, limit: PAGE, sort: order, filter: words });
      if (turn === asked) take(page, told);
    } catch (error) {
      if (turn === asked && !pages.size) { fill(none, error.message); none.classList.remove("hidden"); }
    } finally {
      if (turn === asked) loading.delete(page);
    }
  }

  function take(page, told, all = false) {
    pages.set(page, told.rows);
    if (all) { pages.clear(); for (let at = 0; at * PAGE < told.rows.length || at === 0; at += 1) pages.set(at, told.rows.slice(at * PAGE, (at + 1) * PAGE)); }
    if (told.total !== total || !tall.style.height) {
      total = told.total;
      tall.style.height = `${total * height}px`;
      scroll.style.height = `${Math.max(1, Math.min(rows, total)) * height + 1}px`;
      table.setAttribute("aria-rowcount", total);
      none.classList.toggle("hidden", total > 0);
      scroll.classList.toggle("hidden", total === 0);
      if (!total) fill(none, words ? `Nothing matches “${words}”.` : empty);
      onTotal(total);
    }
    count.textContent = `${whole(total)} ${total === 1 ? "row" : "rows"}`;
    draw();
  }

  function seen() {
    const first = Math.max(0, Math.floor(scroll.scrollTop / height) - MARGIN);
    const last = Math.min(Math.max(0, total - 1), Math.ceil((scroll.scrollTop + (scroll.clientHeight || rows * height)) / height) + MARGIN);
    return { first, last };
  }

  function draw() {
    const { first, last } = seen();
    for (const [at, line] of lines) if (at < first || at > last || at >= total) { line.remove(); lines.delete(at); }
    for (let at = first; at <= last && at < total; at += 1) {
      const page = Math.floor(at / PAGE), row = pages.get(page)?.[at % PAGE];
      if (row === undefined) { if (!pages.has(page)) load(page); continue; }
      let line = lines.get(at);
      if (!line) {
        line = h("div.line", { role: "row", "aria-rowindex": at + 1, tabIndex: at === chosen ? 0 : -1, data: { at } });
        line.style.transform = `translateY(${at * height}px)`;
        lines.set(at, line);
        tall.append(line);
      }
      drawLine(line, row);
    }
  }

  function drawLine(line, row) {
    const columnsNow = shown();
    if (line.row === row && line.childElementCount === columnsNow.length) return;
    line.row = row;
    while (line.childElementCount > columnsNow.length) line.lastChild.remove();
    let isSpanned = false;
    columnsNow.forEach((column, place) => {
      let cell = line.children[place];
      if (!cell) { cell = h("div", { role: "cell" }); line.append(cell); }
      cell.className = `cell${column.end ? " end" : ""}${isSpanned ? " hidden" : ""}`;
      const spans = column.span?.(row) ?? false;
      cell.style.gridColumn = spans ? `${place + 1} / -1` : "";
      isSpanned ||= spans;
      const value = column.show ? column.show(row) : figure(row[column.name]);
      if (value instanceof Node) { cell.replaceChildren(value); cell.title = column.title ? column.title(row) : ""; }
      else if (cell.firstElementChild || cell.textContent !== value) { cell.textContent = value ?? ""; cell.title = value ?? ""; }
    });
  }

  function choose(at) {
    at = Math.max(0, Math.min(total - 1, at));
    lines.get(chosen)?.setAttribute("tabindex", -1);
    chosen = at;
    const top = at * height;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top + height > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + height - scroll.clientHeight;
    draw();
    const line = lines.get(at);
    if (line) { line.tabIndex = 0; line.focus({ preventScroll: true }); }
  }

  let waiting = 0;
  scroll.addEventListener("scroll", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(draw); }, { passive: true });
  let typing = 0;
  box.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => { words = box.value.trim(); drawHead(); start(); }, 120); });
  scroll.addEventListener("click", (event) => {
    const line = event.target.closest(".line");
    if (line && onOpen && !event.target.closest("button, a")) onOpen(line.row);
  });
  scroll.addEventListener("keydown", (event) => {
    const moves = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: chosen + rows, PageUp: chosen - rows, Home: 0, End: total - 1 };
    if (event.key in moves) { event.preventDefault(); choose(moves[event.key]); }
    else if (event.key === "Enter" && onOpen && event.target.row) { event.preventDefault(); onOpen(event.target.row); } // else it would press the dialog's button
  });
  const renew = () => { drawHead(); for (const line of lines.values()) line.row = null; draw(); };
  narrow.addEventListener("change", renew);
  drawHead();
  const ready = refresh();
  return { element: h("div", {}, tools, table), table, tools, refresh, ready, end: () => narrow.removeEventListener("change", renew) };
}
