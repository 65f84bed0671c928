// Speaks HTTP with the server: keys, errors, patience, streams.

/** The server's own words on why it did not do something. */
export class ApiError extends Error {
  constructor(status, { message, code, param } = {}, retryAfter = 0) {
    super(message || `The server answered ${status}.`);
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may go well a little later. */
  get passes() {
    return this.status === 429 || this.status === 503;
  }
}

/** Nothing came back. */
export class AwayError extends Error {
  constructor() {
    super("The server does not answer.");
  }
}

/** A name that no other request has. `crypto.randomUUID` is there on secure pages only. */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    });
  });

export class Api extends EventTarget {
  /** The API key, or "" where the server has none. */
  key = "";
  #base = new URL(".", document.baseURI);
  #isAway = false;
  #watching = null;

  /** Events: `away` and `back`, as the server goes and comes; `locked` when it wants a key. */
  get isAway() {
    return this.#isAway;
  }

  /**
   * One request.
   * @param {string} method
   * @param {string} path e.g. `v1/models`
   * @param {{json?: any, body?: BodyInit, headers?: Object, signal?: AbortSignal}} [options]
   * @returns {Promise<Response>} one that went well
   * @throws {ApiError|AwayError|DOMException}
   */
  async send(method, path, { json, body, headers = {}, signal } = {}) {
    const all = new Headers(headers);
    if (json !== undefined) all.set("Content-Type", "application/json");
    if (this.key) all.set("Authorization", `Bearer ${this.key}`);
    let response;
    try {
      response = await fetch(new URL(path, this.#base), {
        method,
        headers: all,
        body: json === undefined ? body : JSON.stringify(json),
        signal,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      this.#leave();
      throw new AwayError();
    }
    if (response.ok) {
      this.#arrive();
      return response;
    }
    const error = await failure(response);
    // A proxy says by these that there is nobody behind it.
    if ([502, 504].includes(response.status) || error.code === "draining") this.#leave();
    if (response.status === 401) this.dispatchEvent(new Event("locked"));
    throw error;
  }

  /** The answer's JSON. */
  async call(method, path, options) {
    return readJSON(await this.send(method, path, options));
  }

  get(path, options) {
    return this.call("GET", path, options);
  }

  /**
   * A request that may be sent again without harm: it waits for a server that is away or busy.
   * @param {(text: string) => void} [onWait] told what is waited for
   */
  async patiently(method, path, { onWait = () => {}, ...options } = {}) {
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.call(method, path, options);
      } catch (error) {
        if (error instanceof AwayError || error.code === "draining") {
          onWait("The server is away; this is sent again when it is back.");
          await this.untilBack(options.signal);
        } else if (error.passes && tries < 8) {
          onWait("The server is busy; this waits for its turn.");
          await pause(Math.min(error.retryAfter || 1 + tries, 30), options.signal);
        } else {
          throw error;
        }
      }
    }
  }

  /** Resolves when the server answers. */
  async untilBack(signal) {
    while (this.#isAway) await pause(0.4, signal);
  }

  /**
   * A request whose answer is a stream of server-sent events.
   * @param {(event: Object) => void} onEvent
   */
  async stream(path, json, onEvent, signal) {
    const response = await this.send("POST", path, { json, signal });
    try {
      for await (const data of eventData(response.body)) {
        if (data === "[DONE]") return;
        const event = JSON.parse(data);
        if (event.error) throw new ApiError(500, event.error);
        onEvent(event);
      }
    } catch (error) {
      if (error instanceof ApiError || error.name === "AbortError") throw error;
      this.#leave();
      throw new AwayError();
    }
  }

  #leave() {
    if (this.#isAway) return;
    this.#isAway = true;
    this.dispatchEvent(new Event("away"));
    this.#watching ??= this.#watch();
  }

  #arrive() {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.dispatchEvent(new Event("back"));
  }

  async #watch() {
    for (let wait = 0.5; this.#isAway; wait = Math.min(2 * wait, 5)) {
      await pause(wait);
      try {
        const response = await fetch(new URL("health", this.#base), { cache: "no-store" });
        if (response.ok) this.#arrive();
      } catch {
        // Still away.
      }
    }
    this.#watching = null;
  }
}

async function failure(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  const body = await response.json().catch(() => ({}));
  const error = typeof body.error === "object" && body.error ? body.error : {};
  return new ApiError(response.status, error, retryAfter);
}

async function readJSON(response) {
  if (response.status === 204) return null;
  try {
    return await response.json();
  } catch {
    throw new AwayError();
  }
}

/** The `data` of each event of a stream (WHATWG HTML, 9.2), as far as the server uses it. */
export async function* eventData(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (rest + value).split(/\r?\n\r?\n/);
      rest = events.pop();
      for (const event of events) {
        const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
        if (lines.length) yield lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
