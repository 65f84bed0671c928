"""
title: Hebb
description: A model that learns from each of its users. Everybody who signs in has one of their own.
version: 0.1.0
license: Apache-2.0
requirements: httpx
"""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
from pydantic import BaseModel, Field

#: By which the pipe finds an answer again when somebody judges it: a comment that is not shown.
MARK = re.compile(r"\n?<!-- hebb (\S+) (\S+) -->")


def person(user: dict[str, Any] | None) -> str:
    """A name that Hebb takes, from Open WebUI's id of a user."""
    return re.sub(r"[^A-Za-z0-9._@:+=-]", "-", str((user or {}).get("id") or "anonymous"))[:256]


class Pipe:
    """A model for Open WebUI: Workspace, Functions, import this file. Thumbs: `hebb_thumbs.py`."""

    class Valves(BaseModel):
        url: str = Field("http://127.0.0.1:8421", description="Where Hebb listens")
        api_key: str = Field("", description="An admin's key, where the server has keys")
        learn: str = Field("user", description="What a talk teaches: user, both or none")

    def __init__(self) -> None:
        self.valves = self.Valves()

    def _client(self) -> httpx.AsyncClient:
        key = self.valves.api_key
        return httpx.AsyncClient(
            base_url=self.valves.url.rstrip("/"), timeout=httpx.Timeout(600, connect=10),
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )

    async def pipes(self) -> list[dict[str, str]]:
        async with self._client() as http:
            models = (await http.get("/v1/models")).raise_for_status().json()["data"]
        return [{"id": model["id"], "name": f"Hebb: {model['id']}"} for model in models]

    async def pipe(
        self, body: dict[str, Any], __user__: dict[str, Any] | None = None,
        __task__: str | None = None,
    ) -> AsyncIterator[str]:
        messages = [
            {**message, "content": MARK.sub("", message["content"])}
            for message in body["messages"] if isinstance(message.get("content"), str)
        ]
        asked = {
            "messages": messages, "stream": True, "stream_options": {"include_usage": True},
            "user": person(__user__),
            # Titles and tags that Open WebUI asks for teach nothing.
            "plasticity": {"learn": "none" if __task__ else self.valves.learn},
            **{name: body[name] for name in ("temperature", "top_p", "max_tokens", "stop") if name in body},
        }
        async with self._client() as http, http.stream("POST", "/v1/chat/completions", json=asked) as answer:
            if answer.status_code >= 400:
                error = json.loads(await answer.aread()).get("error", {})
                yield f"Hebb: {error.get('message', answer.status_code)}"
                return
            async for line in answer.aiter_lines():
                if not line.startswith("data:") or line.endswith("[DONE]"):
                    continue
                event = json.loads(line[5:])
                if "error" in event:
                    yield f"\n\nHebb: {event['error']['message']}"
                    return
                for choice in event["choices"]:
                    if text := (choice.get("delta") or {}).get("content"):
                        yield text
                if not __task__ and "plasticity" in event:
                    yield f"\n<!-- hebb {event['plasticity']['session']} {event['id']} -->"
