// The part of /tailrace.js for web pages: page views, window.tailrace, and the visitor's id of the day.

const { src, dataset } = document.currentScript;
const client = createClient({ url: dataset.url ?? new URL(src).origin, key: dataset.key });
let visitor;
let path;
let referrer = document.referrer || null;

/** Returns a random id that is valid until midnight (UTC) in this browser; without storage, for this page view. */
function visitorOfToday() {
  const today = new Date().toISOString().slice(0, 10);
  try {
    visitor = localStorage.getItem("tailrace") ?? visitor;
  } catch {}
  if (!visitor?.startsWith(today)) {
    const [high, low] = crypto.getRandomValues(new Uint32Array(2));
    visitor = `${today} ${(high >>> 11) * 2 ** 32 + low}`;
    try {
      localStorage.setItem("tailrace", visitor);
    } catch {}
  }
  return Number(visitor.slice(11));
}

function send(type, data) {
  return client.send(type, data, { userId: visitorOfToday() });
}

function view() {
  if (location.pathname === path) return;
  path = location.pathname;
  send("page_view", { path, referrer });
  referrer = location.href;
}

const waiting = window.tailrace?.q ?? [];
window.tailrace = send;
for (const call of waiting) send(...call);
if (dataset.views !== "off") {
  view();
  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = function (...args) {
      original.apply(this, args);
      view();
    };
  }
  addEventListener("popstate", view);
}
addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") client.leave();
});
