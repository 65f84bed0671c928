#!/usr/bin/env python3
"""Takes every client through scenario.json against a live server, and holds what comes back against
what is written there, and the clients against each other: learning is deterministic, so that all of
them must have the same figures.

    python3 clients/contract/scenario.py [--url http://127.0.0.1:8421]

Without --url it starts the server of this copy (or HEBB, HEBB_CORE) on a free port. Needs httpx for
the Python client, and the others built: tsc in clients/typescript, swift build in clients/swift."""

import argparse
import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CLIENTS = {
    "python": [sys.executable, HERE / "scenario_client.py"],
    "python, async": [sys.executable, HERE / "scenario_client.py", "--async"],
    "typescript": ["node", HERE / "scenario_client.mjs"],
    "swift": [ROOT / "clients/swift/.build/debug/Scenario"],
}
#: What no two runs have in common.
VOLATILE = re.compile(r"^(evt|cmpl|chatcmpl)-|^\d{4}-\d\d-\d\dT")


@contextlib.contextmanager
def server():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = shlex.split(os.environ.get("HEBB", str(ROOT / ".build/release/hebb")))
    core = os.environ.get("HEBB_CORE", str(ROOT / "deploy/cores/folio-5m"))
    with tempfile.TemporaryDirectory() as data:
        process = subprocess.Popen(
            [*program, "serve", "--core", core, "--data", data, "--port", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(url + "/health").close()
                    break
                if process.poll() is not None:
                    sys.exit("the server did not start")
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            process.wait()


def mismatches(found, wanted, saved, at=""):
    """What in `found` is not as `wanted`, one line each."""
    if isinstance(wanted, str) and wanted.startswith("$"):
        wanted = saved[wanted[1:]]
    kinds = {"<string>": str, "<number>": (int, float), "<integer>": int}
    if wanted == "<any>":
        return []
    if isinstance(wanted, str) and wanted in kinds:
        is_right = isinstance(found, kinds[wanted]) and not isinstance(found, bool)
        return [] if is_right else [f"{at}: {found!r} is no {wanted}"]
    if wanted == "<time>":
        is_right = isinstance(found, str) and re.match(r"^\d{4}-\d\d-\d\dT[\d:.]+Z$", found)
        return [] if is_right else [f"{at}: {found!r} is no time"]
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return [f"{at}: {found!r} is no object"]
        return [
            line
            for name, value in wanted.items()
            for line in mismatches(found.get(name, "(missing)"), value, saved, f"{at}.{name}")
        ]
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return [f"{at}: {json.dumps(found)[:300]} has not {len(wanted)} entries"]
        return [
            line
            for index, value in enumerate(wanted)
            for line in mismatches(found[index], value, saved, f"{at}[{index}]")
        ]
    return [] if found == wanted else [f"{at}: {found!r}, not {wanted!r}"]


def place(value, path):
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def holds(answer, check):
    left, operator, right = check.split()
    left = place(answer, left)
    right = place(answer, right) if right[0].isalpha() else float(right)
    return {"<": left < right, ">": left > right, "==": left == right}[operator]


def judge(steps, answers, lesson):
    saved = {"lesson": lesson}
    wrong = []
    for number, (step, answer) in enumerate(zip(steps, answers, strict=True)):
        name = f"step {number}, {step['do']}"
        if "error" in (answer or {}) and "error" not in step.get("expect", {}):
            wrong.append(f"{name}: {answer['error']}")
            continue
        if "expect" in step:
            wrong += [f"{name}{line}" for line in mismatches(answer, step["expect"], saved)]
        for check in step.get("check", []):
            if not holds(answer, check):
                wrong.append(f"{name}: not {check}")
        for variable, path in step.get("save", {}).items():
            saved[variable] = place(answer, path)
    return wrong


def masked(value):
    if isinstance(value, dict):
        return {name: masked(inner) for name, inner in value.items() if name != "message"}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        # JSON has one kind of number, Python two.
        return int(value)
    return "…" if isinstance(value, str) and VOLATILE.match(value) else value


def steady(answer):
    """An answer without what differs from run to run: times, ids, and how long those were."""
    text = json.dumps(masked(answer), sort_keys=True)
    text = re.sub(r'"created": \d+', '"created": 0', text)
    return re.sub(r'"bytes": \d+', '"bytes": 0', text) if "user.deleted" in text else text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--client", choices=CLIENTS, action="append")
    options = parser.parse_args()
    scenario = json.loads((HERE / "scenario.json").read_text())
    steps = scenario["steps"]
    failed = False
    with server() if not options.url else contextlib.nullcontext(options.url) as url:
        answers = {}
        for name in options.client or CLIENTS:
            command = [*map(str, CLIENTS[name]), url, str(HERE / "scenario.json")]
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            answers[name] = [json.loads(line) for line in run.stdout.splitlines()]
            wrong = judge(steps, answers[name], scenario["lesson"])
            failed = failed or bool(wrong)
            print(f"{name}: {len(steps)} steps, {len(wrong)} wrong")
            print("".join(f"  {line}\n" for line in wrong), end="")
    first, *others = answers
    for name in others:
        for number, step in enumerate(steps):
            pair = [steady(answers[client][number]) for client in (first, name)]
            if pair[0] != pair[1]:
                failed = True
                print(f"step {number}, {step['do']}: {first} has\n  {pair[0]}\n{name} has\n  {pair[1]}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
