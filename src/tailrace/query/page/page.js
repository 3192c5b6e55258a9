// Numbers from /stats and /status every two seconds, events from /ws as they come.

const REFRESH = 2000;
const SHOWN = 20; // rows of the live table
const BUCKETS = 12; // rows of the table over time
const LONGEST_PAUSE = 10_000;
const SILENCE = 45_000; // a stream says something every 15 s; after three times that it is dead

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat();

function cell(text, name = "") {
  const td = document.createElement("td");
  td.textContent = text;
  td.className = name;
  return td;
}

function bar(value, max) {
  const td = cell("", "bar");
  const meter = document.createElement("meter");
  meter.max = max || 1;
  meter.value = value;
  meter.ariaLabel = `${number.format(value)} of at most ${number.format(max)}`;
  td.append(meter);
  return td;
}

function row(...cells) {
  const tr = document.createElement("tr");
  tr.append(...cells);
  return tr;
}

function fill(id, rows) {
  $(id).tBodies[0].replaceChildren(...rows);
  $(id).hidden = rows.length === 0;
  $(`${id}-empty`).hidden = rows.length > 0;
}

function showTypes(types) {
  const sorted = types.toSorted((one, other) => other.events - one.events);
  const most = sorted[0]?.events ?? 0;
  fill("types", sorted.map((type) => row(
    cell(type.event_type, "name"),
    cell(number.format(type.events), "number"),
    cell(number.format(type.users), "number"),
    bar(type.events, most),
  )));
}

function showSeries(series, bucket) {
  const sums = new Map();
  for (const point of series) sums.set(point.bucket, (sums.get(point.bucket) ?? 0) + point.events);
  const latest = [...sums].slice(-BUCKETS).reverse();
  const most = Math.max(0, ...latest.map(([, events]) => events));
  const options = { month: { year: "numeric", month: "long" }, day: { dateStyle: "medium" } }[bucket]
    ?? { dateStyle: "short", timeStyle: "short" };
  const format = new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" });
  $("bucket").textContent = latest.length ? `per ${bucket} (UTC)` : "";
  fill("series", latest.map(([at, events]) =>
    row(cell(format.format(new Date(at))), cell(number.format(events), "number"), bar(events, most))));
}

function showLag({ lag_events: events, lag_seconds: seconds }) {
  if (events === null) return "not known";
  return events ? `${number.format(events)} (${number.format(seconds ?? 0)} s)` : "0";
}

async function ask(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(20_000) });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? answer.statusText);
  return body;
}

async function refresh() {
  if (!document.hidden) {
    try {
      const [stats, status] = await Promise.all([ask("/stats"), ask("/status")]);
      $("events").textContent = number.format(stats.totals.events);
      $("users").textContent = number.format(stats.totals.users);
      $("lag").textContent = showLag(stats.as_of);
      $("clients").textContent = number.format(status.live_clients);
      $("cursor").textContent = stats.as_of.cursor ?? "nothing yet";
      showTypes(stats.by_type);
      showSeries(stats.series, stats.bucket);
      $("problem").hidden = true;
    } catch (error) {
      $("problem").textContent = `The numbers below are not up to date: ${error.message}`;
      $("problem").hidden = false;
    }
  }
  setTimeout(refresh, REFRESH);
}

// The live table is drawn once per animation frame, however fast events come.
let rows = [];
let came = 0;
let drawing = false;

function draw() {
  drawing = false;
  fill("tail", rows.map((make) => make()));
}

function show(makers) {
  rows = [...makers.slice(-SHOWN).reverse(), ...rows].slice(0, SHOWN);
  if (!drawing) requestAnimationFrame(draw);
  drawing = true;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const eventRow = (event) => () => row(
  cell(clock.format(new Date(event.created_at))),
  cell(event.event_type),
  cell(event.user_id, "number"),
  cell(JSON.stringify(event.event_data).slice(0, 200)),
);
const gapRow = (gap) => () => {
  const td = cell(`Gap: ${gap.reason}`);
  td.colSpan = 4;
  const tr = row(td);
  tr.className = "gap";
  return tr;
};

setInterval(() => {
  $("rate").textContent = came ? `${number.format(came)} events/s` : "";
  came = 0;
}, 1000);

function say(state, text) {
  $("connection").dataset.state = state;
  if ($("connection").textContent !== text) $("connection").textContent = text;
}

// A user_id has up to 64 bits, a number here 53: its digits are kept where the browser gives them.
const exact = (key, value, context) => (key === "user_id" && context?.source) || value;

let cursor = "latest";
let failures = 0;

function connect() {
  const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws?from=${encodeURIComponent(cursor)}`);
  let watchdog;
  const heard = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => socket.close(), SILENCE);
  };
  heard();
  socket.onmessage = (message) => {
    heard();
    const frame = JSON.parse(message.data, exact);
    if (frame.kind === "hello") {
      failures = 0;
      say("connecting", "catching up");
      return;
    }
    cursor = frame.kind === "gap" ? frame.resumed_at : frame.cursor;
    if (frame.kind === "caught_up") say("live", "live");
    if (frame.kind === "gap") show([gapRow(frame)]);
    if (frame.kind === "events") {
      came += frame.events.length;
      show(frame.events.slice(-SHOWN).map(eventRow));
    }
  };
  socket.onclose = (closed) => {
    clearTimeout(watchdog);
    if (closed.code === 3501) return say("lost", `refused: ${closed.reason}`);
    failures += 1;
    say("lost", closed.code === 3001 ? "restarting, reconnecting" : "lost, reconnecting");
    setTimeout(connect, Math.min(LONGEST_PAUSE, 300 * 2 ** Math.min(failures, 6)) * (0.5 + Math.random() / 2));
  };
}

refresh();
connect();
