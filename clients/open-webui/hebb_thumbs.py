"""
title: Hebb: teach by thumbs
description: Buttons under an answer of Hebb's that say what it was worth; the model learns from it.
version: 0.1.0
license: Apache-2.0
requirements: httpx
"""

import re
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field

MARK = re.compile(r"<!-- hebb (\S+)/(\S+) (\S+) -->")


class Action:
    """Two buttons, for models of `hebb_pipe.py`."""

    actions = [{"id": "good", "name": "Learn: good answer"}, {"id": "bad", "name": "Learn: bad answer"}]

    class Valves(BaseModel):
        url: str = Field("http://127.0.0.1:8421", description="Where Hebb listens")
        api_key: str = Field("", description="An admin's key, where the server has keys")

    def __init__(self) -> None:
        self.valves = self.Valves()

    async def action(
        self, body: dict[str, Any], __user__: dict[str, Any] | None = None, __event_emitter__=None,
        __id__: str = "good",
    ) -> None:
        said = MARK.search(body["messages"][-1]["content"])
        if said is None:
            return await self._tell(__event_emitter__, "This answer is not Hebb's.")
        user, name, answer = said.groups()
        key = self.valves.api_key
        async with httpx.AsyncClient(
            base_url=self.valves.url.rstrip("/"), timeout=60,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        ) as http:
            response = await http.post(
                f"/v1/sessions/{quote(user, safe='')}/{quote(name, safe='')}/feedback",
                json={"completion": answer, "reward": -1 if __id__ == "bad" else 1},
            )
        result = response.json()
        if response.is_error:
            return await self._tell(__event_emitter__, result["error"]["message"])
        change = result["completions"][0]["logprob"]
        word = "likelier" if change["after"] > change["before"] else "less likely"
        await self._tell(__event_emitter__, f"Learned: such an answer is {word} now.")

    async def _tell(self, emit, text: str) -> None:
        if emit:
            await emit({"type": "status", "data": {"description": text, "done": True}})
