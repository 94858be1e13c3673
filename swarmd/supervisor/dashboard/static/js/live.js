/* The connection to the server: documents on demand, and the stream that says when to ask again.

   One EventSource for the whole page. The browser reconnects it by itself and names the last event it has; where the server
   refused it (a restart, too many pages) we try again ourselves, later each time. */

export class Told extends Error {}

const listeners = new Map();
export const live = { state: null, session: null, connection: "wait", events: [], lastHeard: 0 };

export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(listener);
  return () => listeners.get(name).delete(listener);
}

function emit(name, value) {
  for (const listener of listeners.get(name) ?? []) listener(value);
}

/** A document; its error as one line. Nothing is kept, so that what is shown is what is. */
export async function get(path, params = {}) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  const text = query.toString();
  return answer(await fetch(text ? `${path}?${text}` : path, { headers: { accept: "application/json" } }).catch(unreachable));
}

export async function act(body) {
  const headers = { "content-type": "application/json", "x-csrf-token": live.session.csrf };
  const document = await answer(await fetch("/api/actions", { method: "POST", headers, body: JSON.stringify(body) }).catch(unreachable));
  if (document.now) take(document.now);
  return document;
}

async function answer(response) {
  const document = await response.json().catch(() => null);
  if (!response.ok) throw new Told(document?.error ?? `the server answered ${response.status}`);
  if (document === null) unreachable(); // it went in the middle of its answer
  return document;
}

function unreachable() {
  throw new Told("the dashboard cannot be reached; it comes back by itself, or start it with `swarmd serve`");
}

function take(state) {
  live.state = state;
  live.lastHeard = performance.now();
  emit("state", state);
}

function connected(how) {
  if (live.connection === how) return;
  live.connection = how;
  emit("connection", how);
}

let wait = 1000;

function listen() {
  const source = new EventSource("/events");
  source.addEventListener("open", () => { wait = 1000; connected("live"); });
  source.addEventListener("state", (event) => { connected("live"); take(JSON.parse(event.data)); });
  source.addEventListener("begin", () => { live.events = []; });
  source.addEventListener("happened", (event) => {
    const rows = JSON.parse(event.data);
    const known = live.events.length ? live.events[live.events.length - 1].seq : -1;
    const fresh = rows.filter((row) => row.seq > known);
    live.events = [...live.events, ...fresh].slice(-300);
    emit("happened", fresh);
  });
  source.addEventListener("error", () => {
    connected("lost");
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(listen, wait + Math.random() * 500);
    wait = Math.min(wait * 2, 15000);
  });
  addEventListener("pagehide", () => source.close(), { once: true });
}

/** Session and first state together, then the stream. */
export async function begin() {
  const [session, state] = await Promise.all([get("/api/session"), get("/api/now")]);
  live.session = session;
  take(state);
  connected("live");
  listen();
}

const scripts = new Map();

/** A vendored script, once. */
export function script(path) {
  if (!scripts.has(path)) {
    scripts.set(path, new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = path;
      element.onload = resolve;
      element.onerror = () => reject(new Told(`${path} could not be loaded`));
      document.head.append(element);
    }));
  }
  return scripts.get(path);
}
