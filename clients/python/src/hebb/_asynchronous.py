"""The client that others need not wait for. Call for call the same as `_synchronous.py`, which a test
holds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
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


class AsyncHebb:
    """A server. Usable as a context, which closes its connections.

    :param url: e.g. `http://127.0.0.1:8421`, which is meant where `HEBB_URL` says nothing else.
    :param api_key: for a server with keys; else `HEBB_API_KEY`.
    :param timeout: seconds between two signs of life; a long text is learned in silence.
    :param retries: how often a request that may be repeated is, where the server is busy or away.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, timeout: float = 600,
        retries: int = 2, transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        url = (url or os.environ.get("HEBB_URL") or "http://127.0.0.1:8421").rstrip("/")
        api_key = api_key or os.environ.get("HEBB_API_KEY")
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=url.removesuffix("/v1"), timeout=httpx.Timeout(timeout, connect=10),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            transport=transport,
        )

    async def __aenter__(self) -> AsyncHebb:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    def session(self, user: str, name: str = "default") -> AsyncSession:
        """A person's session; it need not be there yet. Asks nothing."""
        user, _, own = user.partition("/")
        return AsyncSession(self, user, own or name)

    async def create_session(
        self, user: str, name: str, *, start: str | None = None, learn: LearnMode | None = None
    ) -> AsyncSession:
        """Makes a session, from the user's head, `"frozen"` or a checkpoint."""
        await self.send(_calls.create_session(user, name, start, learn))
        return AsyncSession(self, user, name)

    async def sessions(self, user: str | None = None) -> AsyncIterator[SessionState]:
        """All sessions, or a person's."""
        async for item in self._pages(lambda after: _calls.sessions(user, PAGE, after)):
            yield item

    async def delete_user(self, user: str) -> dict[str, Any]:
        """Deletes a person's sessions, checkpoints and events, off the disk too."""
        return await self.send(_calls.delete_user(user))

    async def models(self) -> list[Model]:
        models: list[Model] = (await self.send(_calls.models()))["data"]
        return models

    async def health(self) -> dict[str, Any]:
        return await self.send(_calls.health())

    async def constitution(self) -> dict[str, Any]:
        """The sealed rules that are served under."""
        return await self.send(_calls.constitution())

    # What all calls come down to

    async def send(self, call: Call[T]) -> T:
        """Sends a call, again where that is harmless and may help, and reads the answer.

        :raises HebbError: the server refused.
        :raises ConnectionFailed: nothing came back.
        """
        for tries in range(self._retries + 1):
            is_last = tries == self._retries or not call.repeats
            try:
                response = await self._http.send(self._request(call))
                answer = Answer(response.status_code, response.headers, response.content)
                if answer.status < 400:
                    return call.read(answer)
                error = HebbError(answer.status, answer.json(), answer.headers)
                if is_last or not error.passes:
                    raise error
                await asyncio.sleep(min(error.retry_after or 1 + tries, 30))
            except httpx.TransportError as failure:
                if is_last:
                    raise ConnectionFailed(str(failure) or type(failure).__name__) from failure
                await asyncio.sleep(0.5 * 2**tries)
        raise AssertionError("unreachable")

    async def stream(self, call: Call[Any]) -> AsyncIterator[Any]:
        """Sends a call whose answer is a stream, and yields its events. Leaving it early stops it."""
        try:
            response = await self._http.send(self._request(call), stream=True)
            try:
                if response.status_code >= 400:
                    body = Answer(response.status_code, response.headers, await response.aread())
                    raise HebbError(body.status, body.json(), body.headers)
                events = EventStream()
                async for line in response.aiter_lines():
                    event = events.take(line)
                    if event is None:
                        continue
                    if "error" in event:
                        raise HebbError(response.status_code, event, response.headers)
                    yield event
                if not events.is_done:
                    raise ConnectionFailed("the stream ended amid the answer")
            finally:
                await response.aclose()
        except httpx.TransportError as failure:
            raise ConnectionFailed(str(failure) or type(failure).__name__) from failure

    def _request(self, call: Call[Any]) -> httpx.Request:
        return self._http.build_request(
            call.method, call.path, json=call.json, content=call.body,
            params=call.query or None, headers=call.headers,
        )

    async def _pages(self, page: Any) -> AsyncIterator[Any]:
        after: str | None = None
        while True:
            listed = await self.send(page(after))
            for item in listed["data"]:
                yield item
            if not listed["has_more"] or not listed["data"]:
                return
            after = listed["data"][-1]["id"]


class AsyncSession:
    """A person's model, in one of their sessions: what it learns, says and forgets."""

    def __init__(self, client: AsyncHebb, user: str, name: str) -> None:
        self._client = client
        self._calls = SessionCalls(user, name)

    @property
    def id(self) -> str:
        """`user/name`."""
        return self._calls.id

    async def state(self) -> SessionState:
        return await self._client.send(self._calls.state())

    async def delete(self, *, if_match: int | None = None) -> None:
        """Discards the session with what it learned since its checkpoint."""
        await self._client.send(self._calls.delete(if_match))

    # Learning and measuring

    async def observe(
        self, content: str | Sequence[int] | Sequence[Mapping[str, Any]], *,
        reward: float | None = None, key: str | None = None, if_match: int | None = None,
    ) -> Observation:
        """Learns from a text, from messages, or from token ids; on disk when it returns.

        :param key: the `Idempotency-Key`; one of its own where none is given.
        """
        return await self._client.send(self._calls.observe(content, reward, key, if_match))

    async def score(
        self, text: str, *, mode: Mode | None = None, per_token: bool = False,
        parse_special: bool | None = None,
    ) -> Score:
        """Measures how well a text is predicted; never learns."""
        return await self._client.send(self._calls.score(text, mode, per_token, parse_special))

    async def feedback(
        self, completion: str | Sequence[Mapping[str, Any]], reward: float | None = None, *,
        choice: int | None = None, key: str | None = None, if_match: int | None = None,
    ) -> FeedbackResult:
        """Says what an answer was worth, from -1 to 1, or several (`{id, choice, reward}`), which
        are judged relative to each other."""
        return await self._client.send(self._calls.feedback(completion, reward, choice, key, if_match))

    # Answers

    async def complete(
        self, prompt: str | Sequence[int], *, mode: Mode | None = None,
        learn: LearnMode | None = None, key: str | None = None, **options: Any,
    ) -> Completion:
        """Continues a text. `options` are OpenAI's: `max_tokens`, `temperature`, `stop`, …"""
        return await self._client.send(
            self._calls.complete(
                {"prompt": prompt}, "/v1/completions", mode, learn, key, False, options))

    async def stream(
        self, prompt: str | Sequence[int], *, mode: Mode | None = None,
        learn: LearnMode | None = None, key: str | None = None, **options: Any,
    ) -> AsyncIterator[Completion]:
        """Continues a text, chunk by chunk."""
        async for item in self._client.stream(
            self._calls.complete(
                {"prompt": prompt}, "/v1/completions", mode, learn, key, True, options)):
            yield item

    async def chat(
        self, messages: Sequence[Mapping[str, Any]], *, mode: Mode | None = None,
        learn: LearnMode | None = None, key: str | None = None, **options: Any,
    ) -> Completion:
        """Answers a conversation, where the core has a template for one."""
        return await self._client.send(
            self._calls.complete(
                {"messages": list(messages)}, "/v1/chat/completions", mode, learn, key, False,
                options))

    async def stream_chat(
        self, messages: Sequence[Mapping[str, Any]], *, mode: Mode | None = None,
        learn: LearnMode | None = None, key: str | None = None, **options: Any,
    ) -> AsyncIterator[Completion]:
        """Answers a conversation, chunk by chunk."""
        async for item in self._client.stream(
            self._calls.complete(
                {"messages": list(messages)}, "/v1/chat/completions", mode, learn, key, True,
                options)):
            yield item

    # What was learned

    async def events(self, *, text: bool = False) -> AsyncIterator[Event]:
        """What it learned from, oldest first; with whole texts where they are asked for."""
        async for item in self._client._pages(lambda after: self._calls.events(PAGE, after, text)):
            yield item

    async def event(self, id: str) -> Event:
        return await self._client.send(self._calls.event(id))

    async def forget(self, event: str, *, if_match: int | None = None) -> ForgetReceipt:
        """Forgets an event exactly: afterwards all is as if it had never come."""
        return await self._client.send(self._calls.forget(event, if_match))

    async def features(self, *, top: int = 20) -> dict[str, Any]:
        """What changed, in features and tokens, with the places in the text behind them."""
        return await self._client.send(self._calls.features(top))

    async def safety(self) -> dict[str, Any]:
        return await self._client.send(self._calls.safety())

    # Checkpoints

    async def checkpoint(
        self, name: str | None = None, *, note: str | None = None, if_match: int | None = None
    ) -> Checkpoint:
        """Keeps what was learned as the person's own."""
        return await self._client.send(self._calls.checkpoint(name, note, if_match))

    async def checkpoints(self) -> AsyncIterator[Checkpoint]:
        async for item in self._client._pages(lambda after: self._calls.checkpoints(PAGE, after)):
            yield item

    async def describe_checkpoint(
        self, id: str, *, name: str | None = None, note: str | None = None
    ) -> Checkpoint:
        return await self._client.send(self._calls.describe_checkpoint(id, name, note))

    async def restore(self, checkpoint: str, *, if_match: int | None = None) -> SessionState:
        return await self._client.send(self._calls.restore(checkpoint, if_match))

    async def delete_checkpoint(self, id: str) -> None:
        await self._client.send(self._calls.delete_checkpoint(id))

    async def diff(self, checkpoint: str, other: str = "session", *, top: int = 20) -> dict[str, Any]:
        """What changed from a checkpoint to another, to `"session"` or to `"frozen"`."""
        return await self._client.send(self._calls.diff(checkpoint, other, top))

    async def reset(self, to: str = "head", *, if_match: int | None = None) -> SessionState:
        """Drops what came since the head, or goes to `"frozen"` or a checkpoint."""
        return await self._client.send(self._calls.reset(to, if_match))

    # Files

    async def export(
        self, *, scope: Scope = "total", format: Format = "engram", bits: int | None = None,
        partial: bool = False, without: Sequence[str] = (),
    ) -> Export:
        """What was learned as a file."""
        return await self._client.send(self._calls.export(scope, format, bits, partial, without))

    async def load(
        self, data: bytes, *, force: bool = False, if_match: int | None = None
    ) -> SessionState:
        """Puts a file in the session's place: an engram, or a tar of a PEFT LoRA."""
        return await self._client.send(self._calls.load(data, force, if_match))

    async def merge(
        self, terms: Sequence[Term], *, mode: str = "replace", without: Sequence[str] = (),
        if_match: int | None = None,
    ) -> dict[str, Any]:
        """Puts a scaled sum of the person's checkpoints and sessions in the session's place, or
        adds it (`mode="add"`)."""
        return await self._client.send(self._calls.merge(terms, mode, without, if_match))
