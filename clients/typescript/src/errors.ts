/** The server's refusal: `status`, `code` (`"session_not_found"`), `parameter`, and its words. */
export class HebbError extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly parameter: string | null;
  readonly type: string | null;
  readonly requestId: string | null;
  /** Seconds after which it may go better; null where the server does not say. */
  readonly retryAfter: number | null;

  constructor(status: number, body: unknown, headers?: Headers) {
    const error = ((body as { error?: unknown } | null)?.error ?? {}) as Record<string, string | null>;
    super(error["message"] ?? `the server answered ${status}`);
    this.name = "HebbError";
    this.status = status;
    this.code = error["code"] ?? null;
    this.parameter = error["param"] ?? null;
    this.type = error["type"] ?? null;
    this.requestId = headers?.get("X-Request-Id") ?? null;
    const seconds = Number(headers?.get("Retry-After") ?? NaN);
    this.retryAfter = Number.isFinite(seconds) ? seconds : null;
  }

  /** Whether the same request may go well a little later. */
  get passes(): boolean {
    return this.status === 429 || this.status === 503;
  }
}

/** Nothing came back, or not all of it. */
export class ConnectionFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConnectionFailed";
  }
}
