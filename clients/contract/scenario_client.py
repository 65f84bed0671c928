"""Takes the Python client through a scenario: prints the answer of each step, a line of JSON each."""

import asyncio
import hashlib
import inspect
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python/src"))

from hebb import AsyncHebb, Hebb, HebbError  # noqa: E402


async def finished(value):
    """What a call comes to, whichever client it was."""
    if inspect.isasyncgen(value):
        return [item async for item in value]
    if inspect.isgenerator(value):
        return list(value)
    return await value if inspect.isawaitable(value) else value


def place(value, path):
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def filled(value, saved):
    if isinstance(value, str) and value.startswith("$"):
        return saved[value[1:]]
    if isinstance(value, list):
        return [filled(inner, saved) for inner in value]
    if isinstance(value, dict):
        return {name: filled(inner, saved) for name, inner in value.items()}
    return value


async def main(is_async, url, path):
    scenario = json.loads(Path(path).read_text())
    hebb = (AsyncHebb if is_async else Hebb)(url)
    saved, files = {"lesson": scenario["lesson"]}, {}
    for step in scenario["steps"]:
        where, _, name = step["do"].rpartition(".")
        target = hebb if where else hebb.session(scenario["user"], step.get("session", "default"))
        arguments = filled(step.get("args", []), saved)
        if "file" in step:
            arguments = [files[step["file"]]]
        if "bytes" in step:
            arguments = [step["bytes"].encode()]
        try:
            call = getattr(target, name)(*arguments, **filled(step.get("options", {}), saved))
            answer = await finished(call)
            if name == "stream":
                text = "".join(c["text"] for chunk in answer for c in chunk["choices"])
                answer = {"text": text, "plasticity": answer[-1]["plasticity"]}
            if name == "export":
                data = answer.pop("data")
                is_whole = hashlib.sha256(data).hexdigest() == answer["sha256"]
                answer |= {"size": len(data), "is_whole": is_whole}
                files[step.get("save_file")] = data
            if name == "create_session":
                answer = None
        except HebbError as error:
            answer = {"error": {"status": error.status, "code": error.code, "parameter": error.parameter}}
        for variable, path in step.get("save", {}).items():
            saved[variable] = place(answer, path)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--async"]
    asyncio.run(main("--async" in sys.argv, *words))
