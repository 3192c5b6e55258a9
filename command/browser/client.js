// Sends events from a browser or Node.js (18 or newer): queued, in batches, with retries under the same event_id.

const MAX_BATCH = 50;
const LONGEST_WAIT = 60000;

/** A UUID of version 7. crypto.randomUUID exists only in secure contexts. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = (number, digits) => number.toString(16).padStart(digits, "0");
  const random = Array.from(bytes, (byte) => hex(byte, 2)).join("");
  const time = hex(Date.now(), 12);
  const variant = hex((bytes[8] & 0x3f) | 0x80, 2);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(13, 16)}-${variant}${random.slice(18, 20)}-${random.slice(20)}`;
}

export function createClient({ url, key, linger = 500, maxQueue = 1000, onRejected = () => {} }) {
  let queue = [];
  let timer = null;
  let sending = null;
  let underWay = 0;
  let wait = 1000;
  const client = { send, flush, leave, dropped: 0 };

  function send(type, data = {}, { userId = null, eventId = newId(), createdAt = new Date() } = {}) {
    if (queue.length >= maxQueue) {
      client.dropped += 1;
      return eventId;
    }
    const created_at = createdAt.toISOString();
    queue.push({ event_id: eventId, event_type: type, user_id: userId, created_at, event_data: data });
    schedule(linger);
    return eventId;
  }

  function schedule(delay) {
    timer ??= setTimeout(flush, delay);
  }

  /** Sends what waits; resolves after one attempt. */
  function flush() {
    clearTimeout(timer);
    timer = null;
    sending ??= attempt().finally(() => {
      sending = null;
    });
    return sending;
  }

  /** Sends what waits, beside a request under way: the page may be gone before that is answered. */
  function leave() {
    const rest = queue.splice(underWay);
    while (rest.length) {
      const batch = rest.splice(0, MAX_BATCH);
      post(batch).then((delay) => {
        if (delay) {
          queue.push(...batch);
          schedule(delay);
        }
      });
    }
  }

  async function attempt() {
    while (queue.length) {
      const batch = queue.slice(0, MAX_BATCH);
      underWay = batch.length;
      const delay = await post(batch);
      underWay = 0;
      if (delay) {
        schedule(delay);
        return;
      }
      queue = queue.slice(batch.length);
    }
  }

  /** Returns 0 if the batch is done with, else the milliseconds to wait before the next attempt. */
  async function post(batch) {
    const headers = { "Content-Type": "application/x-ndjson" };
    if (key) headers.Authorization = `Bearer ${key}`;
    const body = batch.map((event) => JSON.stringify(event)).join("\n");
    let response;
    try {
      // keepalive: a page that closes still sends it; browsers limit it to 64 KiB
      response = await fetch(`${url}/events`, { method: "POST", headers, body, keepalive: body.length < 60000 });
    } catch {
      return longer();
    }
    if (response.status === 429 || response.status >= 500) {
      return Number(response.headers.get("Retry-After")) * 1000 || longer();
    }
    wait = 1000;
    const answer = await response.json().catch(() => ({}));
    if (!answer.rejected) {
      client.dropped += batch.length;
      onRejected({ code: "refused", message: answer.detail ?? `HTTP ${response.status}` });
    }
    for (const { index, code, message } of answer.rejected ?? []) onRejected({ event: batch[index], code, message });
    return 0;
  }

  function longer() {
    wait = Math.min(wait * 2, LONGEST_WAIT);
    return wait * (0.5 + Math.random() / 2);
  }

  return client;
}
