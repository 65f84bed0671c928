"""OpenAI's SDK, whose requests say whose model answers and whether it learns; nothing else."""

from __future__ import annotations

from typing import Any

import openai

from .types import LearnMode, Mode

#: Paths that know `plasticity`.
PERSONAL = ("/completions", "/chat/completions", "/responses")


def personal(options: Any, user: str | None, plasticity: dict[str, Any]) -> Any:
    """Adds to a request's body what it does not say itself."""
    body = options.json_data
    if options.url in PERSONAL and isinstance(body, dict):
        own = {**plasticity, **(body.get("plasticity") or {})}
        body = {**({"user": user} if user else {}), **body, **({"plasticity": own} if own else {})}
        options.json_data = body
    return options


def words(**given: str | None) -> dict[str, Any]:
    return {name: word for name, word in given.items() if word is not None}


class OpenAI(openai.OpenAI):
    """`openai.OpenAI` with `user`, and `plasticity`'s `session`, `mode` and `learn`."""

    def __init__(
        self, *, user: str | None = None, session: str | None = None, mode: Mode | None = None,
        learn: LearnMode | None = None, base_url: str = "http://127.0.0.1:8421/v1",
        api_key: str = "none", **options: Any,
    ) -> None:
        self.user = user
        self.plasticity = words(session=session, mode=mode, learn=learn)
        super().__init__(base_url=base_url, api_key=api_key, **options)
        # The SDK repeats requests by itself; with a key for each, nothing is learned twice.
        self._idempotency_header = "Idempotency-Key"

    def _prepare_options(self, options: Any) -> Any:
        return personal(super()._prepare_options(options), self.user, self.plasticity)

    def copy(self, **changes: Any) -> Any:
        own = {"user": self.user, **self.plasticity, **changes.pop("_extra_kwargs", {})}
        return super().copy(_extra_kwargs=own, **changes)

    with_options = copy


class AsyncOpenAI(openai.AsyncOpenAI):
    """`openai.AsyncOpenAI` with `user`, and `plasticity`'s `session`, `mode` and `learn`."""

    def __init__(
        self, *, user: str | None = None, session: str | None = None, mode: Mode | None = None,
        learn: LearnMode | None = None, base_url: str = "http://127.0.0.1:8421/v1",
        api_key: str = "none", **options: Any,
    ) -> None:
        self.user = user
        self.plasticity = words(session=session, mode=mode, learn=learn)
        super().__init__(base_url=base_url, api_key=api_key, **options)
        # The SDK repeats requests by itself; with a key for each, nothing is learned twice.
        self._idempotency_header = "Idempotency-Key"

    async def _prepare_options(self, options: Any) -> Any:
        return personal(await super()._prepare_options(options), self.user, self.plasticity)

    def copy(self, **changes: Any) -> Any:
        own = {"user": self.user, **self.plasticity, **changes.pop("_extra_kwargs", {})}
        return super().copy(_extra_kwargs=own, **changes)

    with_options = copy
