// Who calls this API how often: counted by hour, client, endpoint and outcome, and reported to authward in batches.
//
// A batch has an identity and is sent again, as it is, until an answer says that it was taken. authward counts it once,
// so an answer that was lost is neither a call lost nor a call counted twice. What is called meanwhile waits in the
// counters, whose number is bounded: memory does not grow while authward is away. A crash loses what was not sent.

import { randomUUID } from 'node:crypto';
import { basic } from './tokens.mjs';

const MOST_COUNTERS = 2000;
/** So that a batch stays below the server's `limits.body_bytes` (64 KiB) also with the longest of client ids. */
const MOST_ENTRIES = 100;
const PATIENCE_MS = 5_000;
/** How long a stopping API tries to send what is left. */
const FAREWELL_MS = 3_000;
/** Upper bounds of the latency buckets, in milliseconds, as authward has them. */
const LATENCIES = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500];
/** The batch itself is wrong: another time will not make it right, and all later ones would wait behind it. */
const USELESS = [400, 413, 415, 422];

/** `count(call)`, and `stop()`, which sends what is left. */
export function reporter(settings, now) {
  return settings.clientSecret ? new Reporter(settings, now) : { count() {}, async stop() {} };
}

class Reporter {
  #settings;
  #now;
  #counters = new Map();
  /** What is being sent, until it was taken. */
  #batch;
  /** Calls that found no free counter, or stood in a batch that was refused. */
  #lost = 0;
  #sending = Promise.resolve();
  #timer;

  constructor(settings, now) {
    this.#settings = settings;
    this.#now = now;
    this.#timer = setInterval(() => this.#flush(), settings.reportEvery * 1000).unref();
  }

  /** A call that was answered; `client` is undefined where there was no valid token. */
  count({ client = null, endpoint, status, milliseconds }) {
    const at = Math.floor(this.#now().getTime() / 3600_000) * 3600;
    const outcome = `${Math.floor(status / 100)}xx`;
    const key = JSON.stringify([at, client, endpoint, outcome]);
    if (!this.#counters.has(key)) {
      if (this.#counters.size >= MOST_COUNTERS) {
        this.#lost += 1;
        return;
      }
      this.#counters.set(key, { client_id: client, endpoint, outcome, count: 0, at, latency: {}, duration_ms: 0 });
    }
    const counter = this.#counters.get(key);
    const bound = LATENCIES.find((most) => milliseconds <= most) ?? 'inf';
    counter.count += 1;
    counter.latency[bound] = (counter.latency[bound] ?? 0) + 1;
    counter.duration_ms += milliseconds;
  }

  async stop() {
    clearInterval(this.#timer);
    const end = performance.now() + FAREWELL_MS;
    do {
      await this.#flush();
    } while (this.#waiting() > 0 && performance.now() < end && await pause(500));
    const calls = this.#waiting() + this.#lost;
    if (calls > 0) console.error(`${calls} calls were not reported`);
  }

  /** The calls that nobody has taken yet. */
  #waiting() {
    return callsOf([...(this.#batch?.entries ?? []), ...this.#counters.values()]);
  }

  /** Reports all that was counted until now, one flush after the other. */
  #flush() {
    this.#sending = this.#sending.then(async () => {
      while (this.#next() && await this.#report()) this.#batch = undefined;
    });
    return this.#sending;
  }

  /** The batch that is to be sent: the one that waits, or a new one. */
  #next() {
    if (this.#batch || this.#counters.size === 0) return this.#batch;
    const taken = [...this.#counters].slice(0, MOST_ENTRIES);
    for (const [key] of taken) this.#counters.delete(key);
    const entries = taken.map(([, counter]) => ({ ...counter, duration_ms: Math.round(counter.duration_ms) }));
    this.#batch = { resource: this.#settings.resource, batch_id: randomUUID(), entries };
    return this.#batch;
  }

  /** Whether the batch is done with; otherwise it waits for the next time. */
  async #report() {
    try {
      const { status, text } = await this.#send(this.#batch);
      if (status === 200) return true;
      if (!USELESS.includes(status)) throw new Error(`${status} ${text}`);
      this.#lost += callsOf(this.#batch.entries);
      console.error(`a usage report was refused: ${status} ${text}`);
      return true;
    } catch (error) {
      console.error(`a usage report waits for the next time: ${error.message}`);
      return false;
    }
  }

  async #send(batch) {
    const { issuer, clientId, clientSecret } = this.#settings;
    const response = await fetch(`${issuer}/api/usage`, {
      method: 'POST',
      headers: { Authorization: basic(clientId, clientSecret), 'Content-Type': 'application/json' },
      body: JSON.stringify(batch),
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { status: response.status, text: await response.text() };
  }
}

const callsOf = (entries) => entries.reduce((sum, { count }) => sum + count, 0);

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds, true); });
