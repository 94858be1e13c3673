/* Going from page to page, and what this browser has read: for the pages and the frame alike. */

export const route = { show: async () => {} };

/** Go to a page of ours without loading everything anew. */
export function go(path) {
  if (path === location.pathname + location.search) return;
  history.pushState(null, "", path);
  scrollTo(0, 0);
  route.show();
}

const READ = "swarmd.read";

export function readOnes() {
  try { return JSON.parse(localStorage.getItem(READ) ?? "[]"); } catch { return []; }
}

export function markRead(ids) {
  localStorage.setItem(READ, JSON.stringify([...new Set([...readOnes(), ...ids])].slice(-2000)));
}
