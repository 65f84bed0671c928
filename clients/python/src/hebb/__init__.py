"""Talks to Hebb, a language-model server that learns from each of its users."""

from ._asynchronous import AsyncHebb, AsyncSession
from ._calls import Term
from ._errors import ConnectionFailed, HebbError
from ._synchronous import Hebb, Session

__all__ = [
    "AsyncHebb",
    "AsyncOpenAI",
    "AsyncSession",
    "ConnectionFailed",
    "Hebb",
    "HebbError",
    "OpenAI",
    "Session",
    "Term",
]


def __getattr__(name: str) -> object:
    # The SDK of OpenAI is an extra, and slow to import.
    if name in ("OpenAI", "AsyncOpenAI"):
        from . import _openai

        return getattr(_openai, name)
    raise AttributeError(f"module 'hebb' has no attribute '{name}'")
