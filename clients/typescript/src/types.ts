// The server's answers as they come: its JSON, with types. It may say more than is named here.

export type LearnMode = "user" | "prompt" | "completion" | "both" | "none";
export type Mode = "adapted" | "frozen" | "compare";
export type Scope = "session" | "user" | "total";
export type Format = "engram" | "peft" | "gguf" | "gguf-control-vector";

export interface BitsPerByte {
  frozen: number;
  adapted: number;
}

export interface SafeZone {
  kl_mean: number;
  kl_max: number;
  strength_min: number;
}

export interface Observation {
  event: string;
  session: string;
  tokens: number;
  bytes: number;
  bits_per_byte: BitsPerByte;
  revision: number;
  safe_zone: SafeZone;
  certificate?: Record<string, unknown>;
  replayed: boolean;
}

export interface Score {
  session: string;
  tokens: number;
  bytes: number;
  bits_per_byte: BitsPerByte;
  revision: number;
  per_token?: { token: number; text: string; frozen: number; adapted: number }[];
}

export interface Plasticity {
  session: string;
  mode: Mode;
  revision: number;
  learned_tokens: number;
  kl_mean: number;
  kl_max: number;
  strength_min: number;
  revision_after: number;
  event?: string;
  recalled?: Record<string, unknown>[];
}

export interface Choice {
  index: number;
  text?: string;
  message?: { role: string; content: string };
  delta?: { role?: string; content?: string };
  logprobs: Record<string, unknown> | null;
  finish_reason: string | null;
  plasticity_mode?: "adapted" | "frozen";
}

/** Of text or of chat, whole or a chunk of a stream, whose last one has `plasticity`. */
export interface Completion {
  id: string;
  object: string;
  created: number;
  model: string;
  choices: Choice[];
  usage?: Record<string, number> | null;
  plasticity?: Plasticity;
}

export interface FeedbackResult {
  event: string;
  session: string;
  tokens: number;
  learned_tokens: number;
  streak: number;
  gain: number;
  revision: number;
  safe_zone: SafeZone;
  completions: {
    id: string;
    choice: number;
    reward: number;
    advantage: number;
    tokens: number;
    logprob: { before: number; after: number };
  }[];
  replayed: boolean;
}

export interface Checkpoint {
  id: string;
  name: string | null;
  note: string | null;
  automatic: boolean;
  parent: string | null;
  supersedes: string | null;
  revision: number;
  tokens_learned: number;
  created: string;
  bytes: number;
  hash: string;
  is_head: boolean;
  fitted?: Record<string, unknown>;
}

export interface SessionState {
  id: string;
  user: string;
  name: string;
  revision: number;
  base: string | null;
  supersedes: string | null;
  tokens_learned: number;
  events: number;
  learn: LearnMode;
  created: string;
  updated: string;
  engram: Record<string, number>;
}

export interface Event {
  id: string;
  kind: string;
  revision: number;
  created: string;
  tokens: number;
  learned_tokens: number;
  reward?: number;
  bits_per_byte?: BitsPerByte;
  target?: string;
  forgotten: boolean;
  forgotten_by?: string;
  text?: string;
  preview?: string;
  token_ids?: number[];
  verdicts?: Record<string, unknown>[];
  receipt?: Record<string, unknown>;
}

export interface ForgetReceipt {
  event: string;
  session: string;
  kind: string;
  replayed_events: number;
  sessions: Record<string, unknown>[];
  checkpoints: Record<string, unknown>[];
  erased: boolean;
}

export interface Model {
  id: string;
  created: number;
  owned_by: string;
  context_length: number;
  vocabulary_size: number;
  identity: Record<string, unknown>;
  kernel_class: string;
}

/** A file with what was learned, and what the server says of it. */
export interface Export {
  data: Uint8Array;
  name: string;
  sha256: string;
  revision: number;
  fidelity: string;
  owners_words: string;
}

export interface List<Item> {
  object: "list";
  data: Item[];
  has_more: boolean;
}

/** A summand of a merge: a checkpoint's id or a session's, at a scale (1). */
export type Term = ({ checkpoint: string } | { session: string }) & { scale?: number };

/** A verdict on one of several answers. */
export interface Verdict {
  id: string;
  choice?: number;
  reward: number;
}
