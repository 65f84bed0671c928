// Talks to Hebb, a language-model server that learns from each of its users.

import { Session, pages, type Signal } from "./session.js";
import { Transport, type Options } from "./transport.js";
import type { LearnMode, List, Model, SessionState } from "./types.js";

export { ConnectionFailed, HebbError } from "./errors.js";
export { Session, type Asking, type Conditional, type Message, type Signal, type Teaching } from "./session.js";
export type { Options } from "./transport.js";
export * from "./types.js";

/** A server. */
export class Hebb {
  private readonly transport: Transport;

  constructor(options: Options = {}) {
    this.transport = new Transport(options);
  }

  /** A person's session, by both names or as `user/name`; it need not be there yet. Asks nothing. */
  session(user: string, name = "default"): Session {
    const [person = "", own] = user.split("/");
    return new Session(this.transport, person, own ?? name);
  }

  /** Makes a session, from the user's head, `"frozen"` or a checkpoint. */
  async createSession(
    user: string, name: string, options: Signal & { start?: string; learn?: LearnMode } = {},
  ): Promise<Session> {
    const { start, learn, signal } = options;
    const json = { id: `${user}/${name}`, ...(learn && { learn }), ...(start && { from: start }) };
    await this.transport.send({ method: "POST", path: "/v1/sessions", json, signal, repeats: false });
    return new Session(this.transport, user, name);
  }

  /** All sessions, or a person's. */
  sessions(user?: string, options: Signal = {}): AsyncGenerator<SessionState, void, undefined> {
    return pages((after) => this.transport.send<List<SessionState>>({
      method: "GET", path: "/v1/sessions", query: { limit: 200, after, user }, signal: options.signal,
    }));
  }

  /** Deletes a person's sessions, checkpoints and events, off the disk too. */
  deleteUser(user: string, options: Signal = {}): Promise<Record<string, unknown>> {
    const path = `/v1/users/${encodeURIComponent(user)}`;
    return this.transport.send({ method: "DELETE", path, signal: options.signal, repeats: false });
  }

  async models(options: Signal = {}): Promise<Model[]> {
    const call = { method: "GET", path: "/v1/models", signal: options.signal };
    return (await this.transport.send<List<Model>>(call)).data;
  }

  health(options: Signal = {}): Promise<Record<string, string>> {
    return this.transport.send({ method: "GET", path: "/health", signal: options.signal });
  }

  /** The sealed rules that are served under. */
  constitution(options: Signal = {}): Promise<Record<string, unknown>> {
    return this.transport.send({ method: "GET", path: "/v1/constitution", signal: options.signal });
  }
}
