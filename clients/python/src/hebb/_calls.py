"""Every request, as a value: what is sent and what is made of the answer. The one place that knows
the wire; `Hebb` and `AsyncHebb` only send."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypedDict, TypeVar
from urllib.parse import quote

from .types import (
    Checkpoint, Completion, Event, Export, FeedbackResult, ForgetReceipt, Observation, Score,
    SessionState,
)

T = TypeVar("T")


class Term(TypedDict, total=False):
    """A summand of a merge: a checkpoint's id or a session's, at a scale (1)."""

    checkpoint: str
    session: str
    scale: float


@dataclass(frozen=True)
class Answer:
    """What came back, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request."""

    method: str
    path: str
    read: Callable[[Answer], T] = field(default=Answer.json)
    json: Any = None
    query: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    #: Whether it may be sent again where nothing came back.
    repeats: bool = True


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def matching(revision: int | None) -> dict[str, str]:
    return {} if revision is None else {"If-Match": f'"{revision}"'}


def learning(key: str | None, if_match: int | None = None) -> dict[str, str]:
    """The headers of what teaches: with a key of its own it is learned once, however often sent."""
    return {"Idempotency-Key": key or uuid.uuid4().hex, **matching(if_match)}


def segment(text: str) -> str:
    return quote(text, safe="")


def listing(path: str, limit: int, after: str | None, **query: str | None) -> Call[Any]:
    words = given(limit=str(limit), after=after, **query)
    return Call("GET", path, query=words)


def models() -> Call[dict[str, Any]]:
    return Call("GET", "/v1/models")


def health() -> Call[dict[str, Any]]:
    return Call("GET", "/health")


def constitution() -> Call[dict[str, Any]]:
    return Call("GET", "/v1/constitution")


def sessions(user: str | None, limit: int, after: str | None) -> Call[Any]:
    return listing("/v1/sessions", limit, after, user=user)


def create_session(user: str, name: str, start: str | None, learn: str | None) -> Call[Any]:
    fields = given(learn=learn, **{"from": start})
    return Call("POST", "/v1/sessions", json={"id": f"{user}/{name}", **fields}, repeats=False)


def delete_user(user: str) -> Call[dict[str, Any]]:
    return Call("DELETE", f"/v1/users/{segment(user)}", repeats=False)


class SessionCalls:
    """The calls of one session."""

    def __init__(self, user: str, name: str) -> None:
        self.user = user
        self.name = name
        self.path = f"/v1/sessions/{segment(user)}/{segment(name)}"

    @property
    def id(self) -> str:
        return f"{self.user}/{self.name}"

    def state(self) -> Call[SessionState]:
        return Call("GET", self.path)

    def delete(self, if_match: int | None) -> Call[Any]:
        return Call("DELETE", self.path, headers=matching(if_match), repeats=False)

    def observe(
        self, content: str | Sequence[int] | Sequence[Mapping[str, Any]], reward: float | None,
        key: str | None, if_match: int | None,
    ) -> Call[Observation]:
        if isinstance(content, str):
            body: dict[str, Any] = {"text": content}
        elif all(isinstance(part, int) for part in content):
            body = {"tokens": list(content)}
        else:
            body = {"messages": list(content)}
        return Call(
            "POST", f"{self.path}/observe", json={**body, **given(reward=reward)},
            headers=learning(key, if_match),
        )

    def score(self, text: str, mode: str | None, per_token: bool, parse_special: bool | None) -> Call[Score]:
        fields = given(mode=mode, per_token=per_token or None, parse_special=parse_special)
        return Call("POST", f"{self.path}/score", json={"text": text, **fields})

    def feedback(
        self, completion: str | Sequence[Mapping[str, Any]], reward: float | None,
        choice: int | None, key: str | None, if_match: int | None,
    ) -> Call[FeedbackResult]:
        if isinstance(completion, str):
            if reward is None:
                raise TypeError("a reward from -1 to 1 is missing")
            body = {"completion": completion, "reward": reward, **given(choice=choice)}
        else:
            body = {"completions": [dict(verdict) for verdict in completion]}
        return Call("POST", f"{self.path}/feedback", json=body, headers=learning(key, if_match))

    def complete(
        self, asked: Mapping[str, Any], path: str, mode: str | None, learn: str | None,
        key: str | None, stream: bool, options: Mapping[str, Any],
    ) -> Call[Completion]:
        plasticity = {"session": self.id, **given(mode=mode, learn=learn)}
        body = {**asked, **options, "plasticity": plasticity, **given(stream=stream or None)}
        learns = learn not in (None, "none")
        headers = learning(key) if learns or key else {}
        return Call("POST", path, json=body, headers=headers, repeats=not learns or bool(headers))

    def reset(self, to: str, if_match: int | None) -> Call[SessionState]:
        return Call(
            "POST", f"{self.path}/reset", json={"to": to}, headers=matching(if_match), repeats=False
        )

    def checkpoint(self, name: str | None, note: str | None, if_match: int | None) -> Call[Checkpoint]:
        return Call(
            "POST", f"{self.path}/checkpoints", json=given(name=name, note=note),
            headers=matching(if_match), repeats=False,
        )

    def checkpoints(self, limit: int, after: str | None) -> Call[Any]:
        return listing(f"{self.path}/checkpoints", limit, after)

    def describe_checkpoint(self, id: str, name: str | None, note: str | None) -> Call[Checkpoint]:
        return Call(
            "PATCH", f"{self.path}/checkpoints/{segment(id)}", json=given(name=name, note=note)
        )

    def restore(self, id: str, if_match: int | None) -> Call[SessionState]:
        return Call(
            "POST", f"{self.path}/checkpoints/{segment(id)}/restore", headers=matching(if_match),
            repeats=False,
        )

    def delete_checkpoint(self, id: str) -> Call[Any]:
        return Call("DELETE", f"{self.path}/checkpoints/{segment(id)}", repeats=False)

    def diff(self, id: str, other: str, top: int) -> Call[dict[str, Any]]:
        return Call(
            "GET", f"{self.path}/checkpoints/{segment(id)}/diff",
            query={"with": other, "top": str(top)},
        )

    def export(self, scope: str, format: str, bits: int | None, partial: bool, without: Sequence[str]) -> Call[Export]:
        query = given(
            scope=scope, format=format, bits=None if bits is None else str(bits),
            partial="true" if partial else None, without=",".join(without) or None,
        )
        return Call("GET", f"{self.path}/delta", query=query, read=_export)

    def load(self, data: bytes, force: bool, if_match: int | None) -> Call[SessionState]:
        return Call(
            "PUT", f"{self.path}/delta", body=data, query={"force": "true"} if force else {},
            headers={"Content-Type": "application/octet-stream", **matching(if_match)},
            repeats=False,
        )

    def merge(self, terms: Sequence[Term], mode: str, without: Sequence[str], if_match: int | None) -> Call[dict[str, Any]]:
        return Call(
            "POST", f"{self.path}/merge", json={"terms": [dict(term) for term in terms], "mode": mode},
            query=given(without=",".join(without) or None), headers=matching(if_match),
            repeats=False,
        )

    def events(self, limit: int, after: str | None, text: bool) -> Call[Any]:
        return listing(f"{self.path}/events", limit, after, text="true" if text else None)

    def event(self, id: str) -> Call[Event]:
        return Call("GET", f"{self.path}/events/{segment(id)}")

    def forget(self, id: str, if_match: int | None) -> Call[ForgetReceipt]:
        return Call(
            "DELETE", f"{self.path}/events/{segment(id)}", headers=matching(if_match),
            repeats=False,
        )

    def features(self, top: int) -> Call[dict[str, Any]]:
        return Call("GET", f"{self.path}/features", query={"top": str(top)})

    def safety(self) -> Call[dict[str, Any]]:
        return Call("GET", f"{self.path}/safety")


def _export(answer: Answer) -> Export:
    headers = answer.headers
    name = re.search(r'filename="([^"/\\]+)"', headers.get("content-disposition", ""))
    return {
        "data": answer.body,
        "name": name.group(1) if name else "delta.engram",
        "sha256": headers.get("x-content-sha256", ""),
        "revision": int(headers.get("etag", '"0"').strip('"')),
        "fidelity": headers.get("x-fidelity", ""),
        "owners_words": headers.get("x-owners-words", ""),
    }


class EventStream:
    """Takes a stream of server-sent events apart (WHATWG HTML, 9.2), as far as the server uses it."""

    def __init__(self) -> None:
        self.is_done = False

    def take(self, line: str) -> Any:
        """The event that a line brings; None for one that brings none."""
        if not line.startswith("data:"):
            return None
        data = line[5:].strip()
        if data == "[DONE]":
            self.is_done = True
            return None
        return json.loads(data)
