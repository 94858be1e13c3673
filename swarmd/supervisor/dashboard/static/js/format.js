/* Figures and instants in a person's words. Pure. */

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const dash = "–";

export function whole(value) {
  return value === null || value === undefined ? dash : NUMBER.format(value);
}

export function fixed(value, digits = 2) {
  return value === null || value === undefined || !Number.isFinite(value) ? dash : value.toFixed(digits);
}

export function percent(value, digits = 0) {
  return value === null || value === undefined || !Number.isFinite(value) ? dash : `${(value * 100).toFixed(digits)}%`;
}

/** Four significant digits, short: p-values, parameters. */
export function figure(value) {
  if (value === null || value === undefined) return dash;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return whole(value);
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5 ? String(Number(value.toPrecision(4))) : value.toExponential(2);
}

/** 1.2k, 3.4M: a rate. */
export function compact(value) {
  if (value === null || value === undefined) return dash;
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (Math.abs(value) >= size) return `${(value / size).toPrecision(3)}${letter}`;
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

export function bytes(value) {
  if (value === null || value === undefined) return dash;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (Math.abs(value) < 1024) return `${value.toFixed(unit === "B" || value >= 100 ? 0 : 1)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}

/** Seconds as the swarm says durations: 12 s, 3 min 20 s, 2 h 5 min. */
export function spoken(seconds) {
  if (seconds === null || seconds === undefined) return dash;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

export function millis(at) {
  return typeof at === "number" ? at : Date.parse(at);
}

/** 09:30:00 UTC of today, with the day where it is another. All times of a swarm are UTC. */
export function clock(at, { day = false } = {}) {
  if (!at) return dash;
  const text = new Date(millis(at)).toISOString();
  return day ? `${text.slice(0, 10)} ${text.slice(11, 19)}` : text.slice(11, 19);
}

export function ago(at, now) {
  return at ? `${spoken(Math.max(0, (now - millis(at)) / 1000))} ago` : dash;
}

export function words(name) {
  const text = String(name ?? "").replaceAll("_", " ");
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}

/** A job without its campaign: SYMBOL mode phase. */
export function short(job) {
  return job ? job.slice(job.indexOf(".") + 1) : "";
}

/** Why a campaign stands as it does; how many of its jobs are settled is told beside it. */
export function outcome(reason) {
  return (reason ?? "").replace(/^[\d,]+ jobs? settled, 0 to do: /, "");
}

const TONES = { done: "good", in_force: "good", PASS: "good", YES: "good", active: "good", running: "accent", busy: "accent", closed: "", queued: "", skipped: "", failed: "warn", FAIL: "warn", stopped: "warn", paused: "warn", held: "warn", stopping: "warn", open: "bad", quarantined: "bad", lost: "bad", damaged: "bad", dethroned: "bad", QUARANTINE: "bad", gone: "bad" };

export function tone(status) {
  return TONES[status] ?? "";
}
