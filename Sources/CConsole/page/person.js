// Whose model this tab works with, and what is known of it: the one place that holds state which
// several views show.

import { Api, freshKey } from "./api.js";
import { askWhetherItChats } from "./generation.js";

const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._@:+=-]+$/;
export const isName = (text, longest = 256) => text.length <= longest && NAME.test(text);

/** Storage that a browser may refuse. */
function keep(storage, name, value) {
  try {
    if (value === null) window[storage].removeItem(name);
    else window[storage].setItem(name, value);
  } catch {
    // Then it lasts as long as the page.
  }
}

function kept(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

export const memo = {
  get: (name) => kept("localStorage", name),
  set: (name, value) => keep("localStorage", name, value),
};
export const tabMemo = {
  get: (name) => kept("sessionStorage", name),
  set: (name, value) => keep("sessionStorage", name, value),
};

/** How often a tab that is looked at asks for its session's revision, seconds. */
const PULSE_SECONDS = 4;
const PAGE = 1000;

/**
 * Events: `person` when it is another's model, `session` when its state has changed, `events` when
 * what it learned from has.
 */
export class Person extends EventTarget {
  api = new Api();
  user = memo.get("hebb.user") || "you";
  name = memo.get("hebb.session") || "default";
  /** The session as the server describes it; null: nothing has changed it yet. */
  session = null;
  /** What it learned from, oldest first. */
  events = [];
  /** The core that is served: `id`, `context_length`, … */
  model = null;
  /** Each call that the server's own document has, as `GET /health`. */
  calls = new Set();
  /** Who the key says that this is: `{user, role}`; null without one. */
  identity = null;
  #listed = "";
  #tabs = "BroadcastChannel" in window ? new BroadcastChannel("hebb") : null;
  #refreshing = null;
  /** Whether the server wants another key than it was given: it is not asked again meanwhile. */
  #isLocked = false;

  constructor() {
    super();
    this.api.key = tabMemo.get("hebb.key") || "";
    this.#tabs?.addEventListener("message", ({ data }) => data === this.id && this.#refreshAnew());
    this.api.addEventListener("locked", () => (this.#isLocked = true));
    this.api.addEventListener("back", () => this.refresh());
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
    const isIdle = () => document.hidden || this.api.isAway || this.#isLocked;
    setInterval(() => isIdle() || this.refresh(), 1000 * PULSE_SECONDS);
  }

  get id() {
    return `${this.user}/${this.name}`;
  }

  /** The session's own path, with what follows it. */
  path(rest = "") {
    const segments = [this.user, this.name].map(encodeURIComponent);
    return `v1/sessions/${segments.join("/")}${rest}`;
  }

  offers(call) {
    return this.calls.has(call);
  }

  /** Reads what does not change while the server runs. */
  async meet() {
    const [models, document] = await Promise.all([
      this.api.get("v1/models"),
      this.api.get("openapi.json"),
    ]);
    this.model = models.data[0];
    for (const [path, methods] of Object.entries(document.paths ?? {})) {
      for (const method of Object.keys(methods)) this.calls.add(`${method.toUpperCase()} ${path}`);
    }
    this.identity = await this.#identify();
    if (this.identity?.role === "user") this.user = this.identity.user;
    await askWhetherItChats(this);
    this.dispatchEvent(new Event("person"));
    await this.refresh();
  }

  /** Whether the server's keys are this person's to give: an admin's, or anybody's before the first. */
  get isAdmin() {
    return this.offers("GET /v1/keys") && (this.identity?.role ?? "admin") === "admin";
  }

  /** What the server knows of the key that this tab has. A key names itself in its middle. */
  async #identify() {
    const id = /^hebb_([0-9a-f]+)_/.exec(this.api.key)?.[1];
    if (!id || !this.offers("GET /v1/keys/{key}")) return null;
    const { user, role } = await this.api.get(`v1/keys/${id}`);
    return { user, role };
  }

  /** Turns to another person's model, or another session of the same. */
  become(user, name = "default") {
    this.user = user;
    this.name = name;
    memo.set("hebb.user", user);
    memo.set("hebb.session", name);
    this.session = null;
    this.events = [];
    this.#listed = "";
    this.dispatchEvent(new Event("person"));
    return this.refresh();
  }

  signIn(key) {
    this.api.key = key;
    this.#isLocked = false;
    tabMemo.set("hebb.key", key || null);
  }

  /** Reads the session again, and its events where it is not as it was. */
  refresh() {
    this.#refreshing ??= this.#read().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #read() {
    const id = this.id;
    let session = null;
    try {
      session = await this.api.get(this.path());
    } catch (error) {
      if (error.status !== 404) return;
    }
    if (id !== this.id) return;
    const before = this.session;
    this.session = session;
    if (before?.revision !== session?.revision || before?.updated !== session?.updated) {
      this.dispatchEvent(new Event("session"));
      await this.#list(id).catch(() => {});
    }
  }

  /** Reads the events that have come; all of them where one was forgotten. */
  async #list(id) {
    let events = this.session ? await this.#pages(this.#listed) : [];
    const isWhole = this.#listed === "" || !this.session;
    if (!isWhole && events.some((event) => event.kind === "forget")) events = await this.#pages("");
    else if (!isWhole) events = [...this.events, ...events];
    if (id !== this.id) return;
    this.events = events;
    this.#listed = events.at(-1)?.id ?? "";
    this.dispatchEvent(new Event("events"));
  }

  async #pages(after) {
    const events = [];
    for (;;) {
      const query = new URLSearchParams({ limit: PAGE });
      if (after) query.set("after", after);
      const page = await this.api.get(this.path(`/events?${query}`));
      events.push(...page.data);
      after = events.at(-1)?.id ?? after;
      if (!page.has_more) return events;
    }
  }

  /** Says here and in other tabs that the session was changed. */
  async changed() {
    this.#tabs?.postMessage(this.id);
    await this.#refreshAnew();
  }

  async #refreshAnew() {
    // One that is under way may have asked too early.
    await this.#refreshing;
    await this.refresh();
  }

  /**
   * Learns a text.
   * @param {{key?: string, onWait?: (text: string) => void, signal?: AbortSignal}} [options]
   */
  async learn(text, { key = freshKey(), onWait, signal } = {}) {
    const observation = await this.api.patiently("POST", this.path("/observe"), {
      json: { text },
      headers: { "Idempotency-Key": key },
      onWait,
      signal,
    });
    this.changed();
    return observation;
  }

  /** Forgets an event exactly, and answers with the receipt. */
  async forget(event) {
    const receipt = await this.api.call(
      "DELETE", this.path(`/events/${encodeURIComponent(event)}`));
    await this.changed();
    return receipt;
  }
}
