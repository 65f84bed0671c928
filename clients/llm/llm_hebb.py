"""llm, with a model that learns from you: the model `hebb`, and `llm hebb teach|good|bad|forget`."""

from __future__ import annotations

import getpass
import json
import os
import sys
from typing import Any, Optional

import click
import llm
from hebb import ConnectionFailed, Hebb, HebbError, Session
from pydantic import Field

#: By which a server says that its core has no form for conversations.
CANNOT_CHAT = {"no_chat_template", "unknown_url"}


def session(user: str | None = None, key: str | None = None) -> Session:
    name = user or os.environ.get("HEBB_USER") or getpass.getuser()
    return Hebb(api_key=key or llm.get_key(alias="hebb", env="HEBB_API_KEY")).session(name)


class Learner(llm.KeyModel):
    model_id = "hebb"
    needs_key = None
    key_env_var = "HEBB_API_KEY"
    can_stream = True

    class Options(llm.Options):
        user: Optional[str] = Field(None, description="Whose model answers")
        learn: Optional[str] = Field(None, description="user, prompt, completion, both or none")
        mode: Optional[str] = Field(None, description="adapted, or frozen for the core alone")
        max_tokens: Optional[int] = Field(None, description="How long an answer may be")
        temperature: Optional[float] = Field(None, description="0 says what is likeliest")

    def execute(self, prompt, stream, response, conversation, key=None):
        options = {
            name: value for name, value in prompt.options.model_dump().items() if value is not None
        }
        own = session(options.pop("user", None), key)
        messages = []
        if prompt.system:
            messages.append({"role": "system", "content": prompt.system})
        for earlier in conversation.responses if conversation else []:
            messages.append({"role": "user", "content": earlier.prompt.prompt})
            messages.append({"role": "assistant", "content": earlier.text_or_raise()})
        messages.append({"role": "user", "content": prompt.prompt})
        try:
            yield from self._say(own.stream_chat(messages, **options), own, response)
        except HebbError as error:
            if error.code not in CANNOT_CHAT:
                raise llm.ModelError(str(error)) from error
            if options.get("learn") == "user":
                options["learn"] = "prompt"
            options.setdefault("max_tokens", 100)
            yield from self._say(own.stream(prompt.prompt, **options), own, response)
        except ConnectionFailed as error:
            raise llm.ModelError(f"No Hebb server: {error}") from error

    def _say(self, chunks, own, response):
        for chunk in chunks:
            for choice in chunk.get("choices", []):
                yield choice.get("text") or (choice.get("delta") or {}).get("content") or ""
            if "plasticity" in chunk:
                response.response_json = {"id": chunk["id"], "plasticity": chunk["plasticity"]}
                remember({"session": own.id, "id": chunk["id"]})

    def __str__(self) -> str:
        return "Hebb: hebb"


def memory():
    return llm.user_dir() / "hebb-last-answer.json"


def remember(answer: dict[str, Any]) -> None:
    memory().write_text(json.dumps(answer))


@llm.hookimpl
def register_models(register):
    register(Learner())


@llm.hookimpl
def register_commands(cli):
    @cli.group(name="hebb")
    def group():
        "Teach a model that learns from you, and have it forget"

    user = click.option("--user", help="Whose model; else HEBB_USER or your account's name")

    def asked(act):
        try:
            return act()
        except (HebbError, ConnectionFailed) as error:
            raise click.ClickException(str(error)) from error

    @group.command()
    @click.argument("text", required=False)
    @user
    def teach(text, user):
        "Learn from a text, or from what comes in"
        seen = asked(lambda: session(user).observe(text or sys.stdin.read()))
        bits = seen["bits_per_byte"]
        click.echo(
            f"{seen['event']}: {seen['tokens']} tokens; bits per byte {bits['frozen']:.2f} frozen, "
            f"{bits['adapted']:.2f} before it was learned"
        )

    @group.command()
    @click.argument("event", required=False)
    @user
    def forget(event, user):
        "Forget an event to the byte; without one, what was learned last"
        own = session(user)

        def act():
            kinds = ("observe", "completion", "feedback")
            last = [e for e in own.events() if not e["forgotten"] and e["kind"] in kinds][-1:]
            if not event and not last:
                raise click.ClickException("nothing has been learned")
            return own.forget(event or last[0]["id"])

        receipt = asked(act)
        click.echo(f"{receipt['event']}: forgotten; {receipt['replayed_events']} others learned again")

    def judge(reward):
        if not memory().exists():
            raise click.ClickException("there is no answer yet: llm -m hebb '…'")
        last = json.loads(memory().read_text())
        own = session(last["session"])
        result = asked(lambda: own.feedback(last["id"], reward))
        change = result["completions"][0]["logprob"]
        word = "likelier" if change["after"] > change["before"] else "less likely"
        click.echo(f"{result['event']}: such an answer is {word} now")

    @group.command()
    def good():
        "The last answer was good"
        judge(1)

    @group.command()
    def bad():
        "The last answer was bad"
        judge(-1)
