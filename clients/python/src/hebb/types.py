"""The server's answers as they come: its JSON, with types. It may say more than is named here."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

LearnMode = Literal["user", "prompt", "completion", "both", "none"]
Mode = Literal["adapted", "frozen", "compare"]
Scope = Literal["session", "user", "total"]
Format = Literal["engram", "peft", "gguf", "gguf-control-vector"]


class BitsPerByte(TypedDict):
    frozen: float
    adapted: float


class SafeZone(TypedDict):
    kl_mean: float
    kl_max: float
    strength_min: float


class Observation(TypedDict, total=False):
    event: str
    session: str
    tokens: int
    bytes: int
    bits_per_byte: BitsPerByte
    revision: int
    safe_zone: SafeZone
    certificate: dict[str, Any]
    replayed: bool


class TokenScore(TypedDict):
    token: int
    text: str
    frozen: float
    adapted: float


class Score(TypedDict, total=False):
    session: str
    tokens: int
    bytes: int
    bits_per_byte: BitsPerByte
    revision: int
    per_token: list[TokenScore]


class Plasticity(TypedDict, total=False):
    session: str
    mode: Mode
    revision: int
    learned_tokens: int
    kl_mean: float
    kl_max: float
    strength_min: float
    revision_after: int
    event: str
    recalled: list[dict[str, Any]]


class Choice(TypedDict, total=False):
    index: int
    text: str
    message: dict[str, Any]
    delta: dict[str, Any]
    logprobs: dict[str, Any] | None
    finish_reason: str | None
    plasticity_mode: Literal["adapted", "frozen"]


class Completion(TypedDict, total=False):
    """Of text or of chat, whole or a chunk of a stream, whose last one has `plasticity`."""

    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: dict[str, Any] | None
    plasticity: Plasticity


class FeedbackAnswer(TypedDict):
    id: str
    choice: int
    reward: float
    advantage: float
    tokens: int
    logprob: dict[str, float]


class FeedbackResult(TypedDict, total=False):
    event: str
    session: str
    tokens: int
    learned_tokens: int
    streak: int
    gain: float
    revision: int
    safe_zone: SafeZone
    completions: list[FeedbackAnswer]
    replayed: bool


class Checkpoint(TypedDict, total=False):
    id: str
    name: str | None
    note: str | None
    automatic: bool
    parent: str | None
    supersedes: str | None
    revision: int
    tokens_learned: int
    created: str
    bytes: int
    hash: str
    is_head: bool
    fitted: dict[str, Any]


class SessionState(TypedDict, total=False):
    id: str
    user: str
    name: str
    revision: int
    base: str | None
    supersedes: str | None
    tokens_learned: int
    events: int
    learn: LearnMode
    created: str
    updated: str
    engram: dict[str, Any]


class Event(TypedDict, total=False):
    id: str
    kind: str
    revision: int
    created: str
    tokens: int
    learned_tokens: int
    reward: float
    bits_per_byte: BitsPerByte
    target: str
    forgotten: bool
    forgotten_by: str
    text: str
    preview: str
    token_ids: list[int]
    verdicts: list[dict[str, Any]]
    receipt: dict[str, Any]


class ForgetReceipt(TypedDict, total=False):
    event: str
    session: str
    kind: str
    replayed_events: int
    sessions: list[dict[str, Any]]
    checkpoints: list[dict[str, Any]]
    erased: bool


class Model(TypedDict, total=False):
    id: str
    created: int
    owned_by: str
    context_length: int
    vocabulary_size: int
    identity: dict[str, Any]
    kernel_class: str


class Export(TypedDict):
    """A file with what was learned, and what the server says of it."""

    data: bytes
    name: str
    sha256: str
    revision: int
    fidelity: str
    owners_words: str
