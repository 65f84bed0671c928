"""The client that waits."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import httpx

from . import _calls
from ._calls import Answer, Call, EventStream, SessionCalls, Term
from ._errors import ConnectionFailed, HebbError
from .types import (
    Checkpoint, Completion, Event, Export, FeedbackResult, ForgetReceipt, Format, LearnMode, Mode,
    Model, Observation, Scope, Score, SessionState,
)

T = TypeVar("T")

#: How many entries a page of a list brings.
PAGE = 200


class Hebb:
    """A server. Usable as a context, which closes its connections.

    :param url: e.g. `http://127.0.0.1:8421`, which is meant where `HEBB_URL` says nothing else.
    :param api_key: for a server with keys; else `HEBB_API_KEY`.
    :param timeout: seconds between two signs of life; a long text is learned in silence.
    :param retries: how often a request that may be repeated is, where the server is busy or away.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, timeout: float = 600,
        retries: int = 2, transport: httpx.BaseTransport | None = None,
    ) -> None:
        url = (url or os.environ.get("HEBB_URL") or "http://127.0.0.1:8421").rstrip("/")
        api_key = api_key or os.environ.get("HEBB_API_KEY")
        self._retries = retries
        self._http = httpx.Client(
            base_url=url.removesuffix("/v1"), timeout=httpx.Timeout(timeout, connect=10),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            transport=transport,
        )

    def __enter__(self) -> Hebb:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def session(self, user: str, name: str = "default") -> Session:
        """A person's session; it need not be there yet. Asks nothing."""
        user, _, own = user.partition("/")
        return Session(self, user, own or name)

    def create_session(
        self, user: str, name: str, *, start: str | None = None, learn: LearnMode | None = None
    ) -> Session:
        """Makes a session, from the user's head, `"frozen"` or a checkpoint."""
        self.send(_calls.create_session(user, name, start, learn))
        return Session(self, user, name)

    def sessions(self, user: str | None = None) -> Iterator[SessionState]:
        """All sessions, or a person's."""
        yield from self._pages(lambda after: _calls.sessions(user, PAGE, after))

    def delete_user(self, user: str) -> dict[str, Any]:
        """Deletes a person's sessions, checkpoints and events, off the disk too."""
        return self.send(_calls.delete_user(user))

    def models(self) -> list[Model]:
        models: list[Model] = self.send(_calls.models())["data"]
        return models

    def health(self) -> dict[str, Any]:
        return self.send(_calls.health())

    def constitution(self) -> dict[str, Any]:
        """The sealed rules that are served under."""
        return self.send(_calls.constitution())

    # What all calls come down to

    def send(self, call: Call[T]) -> T:
        """Sends a call, again where that is harmless and may help, and reads the answer.

        :raises HebbError: the server refused.
        :raises ConnectionFailed: nothing came back.
        """
        for tries in range(self._retries + 1):
            is_last = tries == self._retries or not call.repeats
            try:
                response = self._http.send(self._request(call))
                answer = Answer(response.status_code, response.headers, response.content)
                if answer.status < 400:
                    return call.read(answer)
                error = HebbError(answer.status, answer.json(), answer.headers)
                if is_last or not error.passes:
                    raise error
                time.sleep(min(error.retry_after or 1 + tries, 30))
            except httpx.TransportError as failure:
                if is_last:
                    raise ConnectionFailed(str(failure) or type(failure).__name__) from failure
                time.sleep(0.5 * 2**tries)
        raise AssertionError("unreachable")

    def stream(self, call: Call[Any]) -> Iterator[Any]:
        """Sends a call whose answer is a stream, and yields its events. Leaving it early stops it."""
        try:
            response = self._http.send(self._request(call), stream=True)
            try:
                if response.status_code >= 400:
                    body = Answer(response.status_code, response.headers, response.read())
                    raise HebbError(body.status, body.json(), body.headers)
                events = EventStream()
                for line in response.iter_lines():
                    event = events.take(line)
                    if event is None:
                        continue
                    if "error" in event:
                        raise HebbError(response.status_code, event, response.headers)
                    yield event
                if not events.is_done:
                    raise ConnectionFailed("the stream ended amid the answer")
            finally:
                response.close()
        except httpx.TransportError as failure:
            raise ConnectionFailed(str(failure) or type(failure).__name__) from failure

    def _request(self, call: Call[Any]) -> httpx.Request:
        return self._http.build_request(
            call.method, call.path, json=call.json, content=call.body,
            params=call.query or None, headers=call.headers,
        )

    def _pages(self, page: Any) -> Iterator[Any]:
        after: str | None = None
        while True:
            listed = self.send(page(after))
            yield from listed["data"]
            if not listed["has_more"] or not listed["data"]:
                return
            after = listed["data"][-1]["id"]


class Session:
    """A person's model, in one of their sessions: what it learns, says and forgets."""

    def __init__(self, client: Hebb, user: str, name: str) -> None:
        self._client = client
        self._calls = SessionCalls(user, name)

    @property
    def id(self) -> str:
        """`user/name`."""
        return self._calls.id

    def state(self) -> SessionState:
        return self._client.send(self._calls.state())

    def delete(self, *, if_match: int | None = None) -> None:
        """Discards the session with what it learned since its checkpoint."""
        self._client.send(self._calls.delete(if_match))

    # Learning and measuring

    def observe(
        self, content: str | Sequence[int] | Sequence[Mapping[str, Any]], *,
        reward: float | None = None, key: str | None = None, if_match: int | None = None,
    ) -> Observation:
        """Learns from a text, from messages, or from token ids; on disk when it returns.

        :param key: the `Idempotency-Key`; one of its own where none is given.
        """
        return self._client.send(self._calls.observe(content, reward, key, if_match))

    def score(
        self, text: str, *, mode: Mode | None = None, per_token: bool = False,
        parse_special: bool | None = None,
    ) -> Score:
        """Measures how well a text is predicted; never learns."""
        return self._client.send(self._calls.score(text, mode, per_token, parse_special))

    def feedback(
        self, completion: str | Sequence[Mapping[str, Any]], reward: float | None = None, *,
        choice: int | None = None, key: str | None = None, if_match: int | None = None,
    ) -> FeedbackResult:
        """Says what an answer was worth, from -1 to 1, or several (`{id, choice, reward}`), which
        are judged relative to each other."""
        return self._client.send(self._calls.feedback(completion, reward, choice, key, if_match))

    # Answers

    def complete(
        self, prompt: str | Sequence[int], *, mode: Mode | None = None,
        learn: LearnMode | None = None, key: str | None = None, **options: Any,
    ) -> Completion:
        """Continues a text. `options` are OpenAI's: `max_tokens`, `temperature`, `stop`, …"""
        return self._client.send(
            self._calls.complete(
                {"prompt": prompt}, "/v1/completions", mode, learn, key, False, options))

    def stream(
        self, prompt: str | Sequence[int], *, mode: Mode | None = None,
        learn: LearnMode | None = None, key: str | None = None, **options: Any,
    ) -> Iterator[Completion]:
        """Continues a text, chunk by chunk."""
        yield from self._client.stream(
            self._calls.complete(
                {"prompt": prompt}, "/v1/completions", mode, learn, key, True, options))

    def chat(
        self, messages: Sequence[Mapping[str, Any]], *, mode: Mode | None = None,
        learn: LearnMode | None = None, key: str | None = None, **options: Any,
    ) -> Completion:
        """Answers a conversation, where the core has a template for one."""
        return self._client.send(
            self._calls.complete(
                {"messages": list(messages)}, "/v1/chat/completions", mode, learn, key, False,
                options))

    def stream_chat(
        self, messages: Sequence[Mapping[str, Any]], *, mode: Mode | None = None,
        learn: LearnMode | None = None, key: str | None = None, **options: Any,
    ) -> Iterator[Completion]:
        """Answers a conversation, chunk by chunk."""
        yield from self._client.stream(
            self._calls.complete(
                {"messages": list(messages)}, "/v1/chat/completions", mode, learn, key, True,
                options))

    # What was learned

    def events(self, *, text: bool = False) -> Iterator[Event]:
        """What it learned from, oldest first; with whole texts where they are asked for."""
        yield from self._client._pages(lambda after: self._calls.events(PAGE, after, text))

    def event(self, id: str) -> Event:
        return self._client.send(self._calls.event(id))

    def forget(self, event: str, *, if_match: int | None = None) -> ForgetReceipt:
        """Forgets an event exactly: afterwards all is as if it had never come."""
        return self._client.send(self._calls.forget(event, if_match))

    def features(self, *, top: int = 20) -> dict[str, Any]:
        """What changed, in features and tokens, with the places in the text behind them."""
        return self._client.send(self._calls.features(top))

    def safety(self) -> dict[str, Any]:
        return self._client.send(self._calls.safety())

    # Checkpoints

    def checkpoint(
        self, name: str | None = None, *, note: str | None = None, if_match: int | None = None
    ) -> Checkpoint:
        """Keeps what was learned as the person's own."""
        return self._client.send(self._calls.checkpoint(name, note, if_match))

    def checkpoints(self) -> Iterator[Checkpoint]:
        yield from self._client._pages(lambda after: self._calls.checkpoints(PAGE, after))

    def describe_checkpoint(
        self, id: str, *, name: str | None = None, note: str | None = None
    ) -> Checkpoint:
        return self._client.send(self._calls.describe_checkpoint(id, name, note))

    def restore(self, checkpoint: str, *, if_match: int | None = None) -> SessionState:
        return self._client.send(self._calls.restore(checkpoint, if_match))

    def delete_checkpoint(self, id: str) -> None:
        self._client.send(self._calls.delete_checkpoint(id))

    def diff(self, checkpoint: str, other: str = "session", *, top: int = 20) -> dict[str, Any]:
        """What changed from a checkpoint to another, to `"session"` or to `"frozen"`."""
        return self._client.send(self._calls.diff(checkpoint, other, top))

    def reset(self, to: str = "head", *, if_match: int | None = None) -> SessionState:
        """Drops what came since the head, or goes to `"frozen"` or a checkpoint."""
        return self._client.send(self._calls.reset(to, if_match))

    # Files

    def export(
        self, *, scope: Scope = "total", format: Format = "engram", bits: int | None = None,
        partial: bool = False, without: Sequence[str] = (),
    ) -> Export:
        """What was learned as a file."""
        return self._client.send(self._calls.export(scope, format, bits, partial, without))

    def load(
        self, data: bytes, *, force: bool = False, if_match: int | None = None
    ) -> SessionState:
        """Puts a file in the session's place: an engram, or a tar of a PEFT LoRA."""
        return self._client.send(self._calls.load(data, force, if_match))

    def merge(
        self, terms: Sequence[Term], *, mode: str = "replace", without: Sequence[str] = (),
        if_match: int | None = None,
    ) -> dict[str, Any]:
        """Puts a scaled sum of the person's checkpoints and sessions in the session's place, or
        adds it (`mode="add"`)."""
        return self._client.send(self._calls.merge(terms, mode, without, if_match))
