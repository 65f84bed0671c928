"""What can go wrong, in the server's own words."""

from __future__ import annotations

from collections.abc import Mapping


class HebbError(Exception):
    """The server's refusal: `status`, `code` (`"session_not_found"`), `parameter`, and its words."""

    def __init__(
        self, status: int, body: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        error = body.get("error") if isinstance(body, dict) else None
        error = error if isinstance(error, dict) else {}
        self.status = status
        self.code: str | None = error.get("code")
        self.parameter: str | None = error.get("param")
        self.type: str | None = error.get("type")
        headers = headers or {}
        self.request_id: str | None = headers.get("x-request-id")
        self.retry_after = _seconds(headers.get("retry-after"))
        super().__init__(error.get("message") or f"the server answered {status}")

    @property
    def passes(self) -> bool:
        """Whether the same request may go well a little later."""
        return self.status in (429, 503)


class ConnectionFailed(Exception):
    """Nothing came back, or not all of it."""


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
