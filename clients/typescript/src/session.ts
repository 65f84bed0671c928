import type { Call, Transport } from "./transport.js";
import type {
  Checkpoint, Completion, Event, Export, FeedbackResult, ForgetReceipt, Format, LearnMode, List, Mode,
  Observation, Scope, Score, SessionState, Term, Verdict,
} from "./types.js";

export interface Signal {
  signal?: AbortSignal;
}

export interface Conditional extends Signal {
  /** The revision that the session must have. */
  ifMatch?: number;
}

export interface Teaching extends Conditional {
  /** The `Idempotency-Key`; one of its own where none is given. */
  key?: string;
}

/** How an answer is asked for. Others are OpenAI's: `max_tokens`, `temperature`, `stop`, … */
export interface Asking extends Signal {
  mode?: Mode;
  learn?: LearnMode;
  key?: string;
  [option: string]: unknown;
}

export type Message = { role: string; content: string };

const PAGE = 200;

/** A person's model, in one of their sessions: what it learns, says and forgets. */
export class Session {
  private readonly path: string;

  constructor(private readonly transport: Transport, readonly user: string, readonly name: string) {
    this.path = `/v1/sessions/${encodeURIComponent(user)}/${encodeURIComponent(name)}`;
  }

  /** `user/name`. */
  get id(): string {
    return `${this.user}/${this.name}`;
  }

  state(options: Signal = {}): Promise<SessionState> {
    return this.send("GET", "", options);
  }

  /** Discards the session with what it learned since its checkpoint. */
  async delete(options: Conditional = {}): Promise<void> {
    await this.send("DELETE", "", options);
  }

  // Learning and measuring

  /** Learns from a text, from messages, or from token ids; on disk when it resolves. */
  observe(
    content: string | number[] | Message[], options: Teaching & { reward?: number } = {},
  ): Promise<Observation> {
    const json = typeof content === "string" ? { text: content }
      : (content as unknown[]).every((part) => typeof part === "number") ? { tokens: content }
      : { messages: content };
    return this.teach("/observe", { ...json, ...given({ reward: options.reward }) }, options);
  }

  /** Measures how well a text is predicted; never learns. */
  score(
    text: string, options: Signal & { mode?: Mode; perToken?: boolean; parseSpecial?: boolean } = {},
  ): Promise<Score> {
    const { mode, perToken, parseSpecial } = options;
    const json = { text, ...given({ mode, per_token: perToken || undefined, parse_special: parseSpecial }) };
    return this.send("POST", "/score", options, { json });
  }

  /** Says what an answer was worth, from -1 to 1, or several, judged relative to each other. */
  feedback(completion: string, reward: number, options?: Teaching & { choice?: number }): Promise<FeedbackResult>;
  feedback(verdicts: Verdict[], options?: Teaching): Promise<FeedbackResult>;
  feedback(
    completion: string | Verdict[], rewardOrOptions?: number | Teaching,
    options: Teaching & { choice?: number } = {},
  ): Promise<FeedbackResult> {
    if (typeof completion === "string") {
      const json = { completion, reward: rewardOrOptions, ...given({ choice: options.choice }) };
      return this.teach("/feedback", json, options);
    }
    return this.teach("/feedback", { completions: completion }, (rewardOrOptions ?? {}) as Teaching);
  }

  // Answers

  /** Continues a text. */
  complete(prompt: string | number[], options: Asking = {}): Promise<Completion> {
    return this.transport.send(this.asking("/v1/completions", { prompt }, options, false));
  }

  /** Continues a text, chunk by chunk. */
  stream(prompt: string | number[], options: Asking = {}): AsyncGenerator<Completion, void, undefined> {
    return this.transport.stream(this.asking("/v1/completions", { prompt }, options, true));
  }

  /** Answers a conversation, where the core has a template for one. */
  chat(messages: Message[], options: Asking = {}): Promise<Completion> {
    return this.transport.send(this.asking("/v1/chat/completions", { messages }, options, false));
  }

  /** Answers a conversation, chunk by chunk. */
  streamChat(messages: Message[], options: Asking = {}): AsyncGenerator<Completion, void, undefined> {
    return this.transport.stream(this.asking("/v1/chat/completions", { messages }, options, true));
  }

  // What was learned

  /** What it learned from, oldest first; with whole texts where they are asked for. */
  events(options: Signal & { text?: boolean } = {}): AsyncGenerator<Event, void, undefined> {
    return this.pages("/events", { text: options.text || undefined }, options);
  }

  event(id: string, options: Signal = {}): Promise<Event> {
    return this.send("GET", `/events/${encodeURIComponent(id)}`, options);
  }

  /** Forgets an event exactly: afterwards all is as if it had never come. */
  forget(event: string, options: Conditional = {}): Promise<ForgetReceipt> {
    return this.send("DELETE", `/events/${encodeURIComponent(event)}`, options);
  }

  /** What changed, in features and tokens, with the places in the text behind them. */
  features(options: Signal & { top?: number } = {}): Promise<Record<string, unknown>> {
    return this.send("GET", "/features", options, { query: { top: options.top ?? 20 } });
  }

  safety(options: Signal = {}): Promise<Record<string, unknown>> {
    return this.send("GET", "/safety", options);
  }

  // Checkpoints

  /** Keeps what was learned as the person's own. */
  checkpoint(name?: string, options: Conditional & { note?: string } = {}): Promise<Checkpoint> {
    const json = given({ name, note: options.note });
    return this.send("POST", "/checkpoints", options, { json, repeats: false });
  }

  checkpoints(options: Signal = {}): AsyncGenerator<Checkpoint, void, undefined> {
    return this.pages("/checkpoints", {}, options);
  }

  describeCheckpoint(id: string, options: Signal & { name?: string; note?: string }): Promise<Checkpoint> {
    const json = given({ name: options.name, note: options.note });
    return this.send("PATCH", `/checkpoints/${encodeURIComponent(id)}`, options, { json });
  }

  restore(checkpoint: string, options: Conditional = {}): Promise<SessionState> {
    return this.send("POST", `/checkpoints/${encodeURIComponent(checkpoint)}/restore`, options, { repeats: false });
  }

  async deleteCheckpoint(id: string, options: Signal = {}): Promise<void> {
    await this.send("DELETE", `/checkpoints/${encodeURIComponent(id)}`, options);
  }

  /** What changed from a checkpoint to another, to `"session"` or to `"frozen"`. */
  diff(
    checkpoint: string, other = "session", options: Signal & { top?: number } = {},
  ): Promise<Record<string, unknown>> {
    return this.send("GET", `/checkpoints/${encodeURIComponent(checkpoint)}/diff`, options, {
      query: { with: other, top: options.top ?? 20 },
    });
  }

  /** Drops what came since the head, or goes to `"frozen"` or a checkpoint. */
  reset(to = "head", options: Conditional = {}): Promise<SessionState> {
    return this.send("POST", "/reset", options, { json: { to }, repeats: false });
  }

  // Files

  /** What was learned as a file. */
  async export(
    options: Signal & { scope?: Scope; format?: Format; bits?: number; partial?: boolean; without?: string[] } = {},
  ): Promise<Export> {
    const { scope = "total", format = "engram", bits, partial, without } = options;
    const response = await this.transport.response({
      method: "GET", path: `${this.path}/delta`, signal: options.signal,
      query: { scope, format, bits, partial: partial || undefined, without: without?.join(",") },
    });
    const header = (name: string) => response.headers.get(name) ?? "";
    return {
      data: new Uint8Array(await response.arrayBuffer()),
      name: /filename="([^"/\\]+)"/.exec(header("Content-Disposition"))?.[1] ?? "delta.engram",
      sha256: header("X-Content-SHA256"),
      revision: Number(header("ETag").replace(/"/g, "")),
      fidelity: header("X-Fidelity"),
      owners_words: header("X-Owners-Words"),
    };
  }

  /** Puts a file in the session's place: an engram, or a tar of a PEFT LoRA. */
  load(data: Uint8Array, options: Conditional & { force?: boolean } = {}): Promise<SessionState> {
    return this.send("PUT", "/delta", options, {
      body: data, query: { force: options.force || undefined }, repeats: false,
      headers: { "Content-Type": "application/octet-stream" },
    });
  }

  /** Puts a scaled sum of checkpoints and sessions in the session's place, or adds it (`add`). */
  merge(
    terms: Term[], options: Conditional & { mode?: "replace" | "add"; without?: string[] } = {},
  ): Promise<Record<string, unknown>> {
    return this.send("POST", "/merge", options, {
      json: { terms, mode: options.mode ?? "replace" }, query: { without: options.without?.join(",") },
      repeats: false,
    });
  }

  // What all calls come down to

  private send<Answer>(
    method: string, path: string, options: Conditional, call: Partial<Call> = {},
  ): Promise<Answer> {
    return this.transport.send({
      method, path: this.path + path, signal: options.signal, repeats: method !== "DELETE", ...call,
      headers: { ...call.headers, ...matching(options) },
    });
  }

  private teach<Answer>(path: string, json: unknown, options: Teaching): Promise<Answer> {
    return this.send("POST", path, options, { json, headers: { "Idempotency-Key": options.key ?? freshKey() } });
  }

  private asking(path: string, asked: object, options: Asking, stream: boolean): Call {
    const { mode, learn, key, signal, ...others } = options;
    const learns = learn !== undefined && learn !== "none";
    return {
      method: "POST", path, signal,
      json: {
        ...asked, ...others, plasticity: { session: this.id, ...given({ mode, learn }) },
        ...given({ stream: stream || undefined }),
      },
      headers: learns || key ? { "Idempotency-Key": key ?? freshKey() } : {},
    };
  }

  private async *pages<Item extends { id: string }>(
    path: string, query: NonNullable<Call["query"]>, options: Signal,
  ): AsyncGenerator<Item, void, undefined> {
    yield* pages((after) => this.send<List<Item>>("GET", path, options, { query: { limit: PAGE, after, ...query } }));
  }
}

/** All entries of a list that comes in pages. */
export async function* pages<Item extends { id: string }>(
  page: (after: string | undefined) => Promise<List<Item>>,
): AsyncGenerator<Item, void, undefined> {
  for (let after: string | undefined; ; ) {
    const { data, has_more: hasMore } = await page(after);
    yield* data;
    after = data.at(-1)?.id;
    if (!hasMore || after === undefined) return;
  }
}

/** The fields that are there. */
function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function matching({ ifMatch }: Conditional): Record<string, string> {
  return ifMatch === undefined ? {} : { "If-Match": `"${ifMatch}"` };
}

/** A name that no other request has; `randomUUID` is on secure pages only. */
function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
