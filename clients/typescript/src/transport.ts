import { ConnectionFailed, HebbError } from "./errors.js";

export interface Options {
  /** E.g. `http://127.0.0.1:8421`, with or without `/v1`. */
  url?: string;
  /** For a server with keys. */
  apiKey?: string;
  /** How often a request that may be repeated is, where the server is busy or away. */
  retries?: number;
  fetch?: typeof fetch;
}

/** A request. */
export interface Call {
  method: string;
  path: string;
  json?: unknown;
  body?: Uint8Array;
  query?: Record<string, string | number | boolean | undefined>;
  headers?: Record<string, string>;
  /** Whether it may be sent again where nothing came back; so it is unless this says no. */
  repeats?: boolean;
  signal?: AbortSignal | undefined;
}

/** Sends calls, and nothing else knows of HTTP. */
export class Transport {
  private readonly url: string;
  private readonly apiKey: string | undefined;
  private readonly retries: number;
  private readonly fetch: typeof fetch;

  constructor(options: Options) {
    this.url = (options.url ?? "http://127.0.0.1:8421").replace(/\/+$/, "").replace(/\/v1$/, "");
    this.apiKey = options.apiKey;
    this.retries = options.retries ?? 2;
    // Browsers' own refuses to be called as a method of something else.
    this.fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /** The answer's JSON. */
  async send<Answer>(call: Call): Promise<Answer> {
    return (await this.response(call)).json() as Promise<Answer>;
  }

  /** An answer that is no refusal; again where that is harmless and may help. */
  async response(call: Call): Promise<Response> {
    for (let tries = 0; ; tries += 1) {
      const isLast = tries >= this.retries || call.repeats === false;
      try {
        return await this.once(call);
      } catch (error) {
        const isBusy = error instanceof HebbError && error.passes;
        if (isLast || !(isBusy || error instanceof ConnectionFailed)) throw error;
        const seconds = isBusy ? Math.min(error.retryAfter ?? 1 + tries, 30) : 0.5 * 2 ** tries;
        await pause(seconds, call.signal);
      }
    }
  }

  /** The events of an answer that is a stream. Leaving it early stops the model. */
  async *stream<Event>(call: Call): AsyncGenerator<Event, void, undefined> {
    const { body, status, headers } = await this.response(call);
    if (!body) throw new ConnectionFailed("the answer has no body");
    for await (const data of eventData(body)) {
      if (data === "[DONE]") return;
      const event = JSON.parse(data) as { error?: unknown };
      if (event.error !== undefined) throw new HebbError(status, event, headers);
      yield event as Awaited<Event>;
    }
    throw new ConnectionFailed("the stream ended amid the answer");
  }

  private async once(call: Call): Promise<Response> {
    const headers = new Headers(call.headers);
    if (this.apiKey) headers.set("Authorization", `Bearer ${this.apiKey}`);
    if (call.json !== undefined) headers.set("Content-Type", "application/json");
    const query = Object.entries(call.query ?? {})
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
      .join("&");
    let response: Response;
    try {
      response = await this.fetch(this.url + call.path + (query && `?${query}`), {
        method: call.method,
        headers,
        body: call.json !== undefined ? JSON.stringify(call.json) : call.body ?? null,
        signal: call.signal ?? null,
      });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ConnectionFailed(error instanceof Error ? error.message : String(error));
    }
    if (response.ok) return response;
    throw new HebbError(response.status, await response.json().catch(() => null), response.headers);
  }
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** The `data` of each event (WHATWG HTML, 9.2), as far as the server uses it. */
async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
      rest = events.pop() ?? "";
      for (const event of events) {
        const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
        if (lines.length > 0) yield lines.map((line) => line.slice(5).trim()).join("\n");
      }
    }
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ConnectionFailed(error instanceof Error ? error.message : String(error));
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
