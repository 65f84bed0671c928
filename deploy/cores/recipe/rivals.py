#!/usr/bin/env python3
"""What other ways to adapt the core gain on the texts on which Hebb is measured.

    python rivals.py CORE USERS --tuning TUNING --generic TEXT --json rivals.json

USERS and TUNING are folders of .txt files, one user each. Every method's numbers (step size,
segment length, …) are chosen by a coordinate search on TUNING alone, by the sum of the gains
while streaming and in the next session; then it is measured on USERS. The protocol is that of
validate.py: the first 80 % of a text is streamed in pieces of 2,000 bytes, the last 20 % scored
afterwards without learning, as one text. Besides: the last 20 % streamed in pieces with what
was learned (`second`) and with nothing learned before (`fresh`), and how much dearer other
users' ends and a generic text become, in contexts of 256 and 1,024 tokens.

Whatever is done is kept in the JSON file, so an interrupted run goes on where it was. One
thread; times are CPU seconds, which other load on the machine does not lengthen much.
"""
import argparse
import json
import os
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

import rival_methods as methods
from measure import load_core
from validate import CHUNK_BYTES, pieces, split

STEP = {"segment": 32, "recent": 0, "decay": 0, "clip": 1}
# Method → class, where the search begins, and its moves in order: a factor walks a number up or
# down as long as that helps; a list is tried through, up to the first value that does not help.
METHODS = {
    "SGD": (methods.SGD, {"rate": 0.2, **STEP},
            {"rate": 2, "segment": [16, 8], "clip": [0.5], "decay": [0.003, 0.01],
             "recent": [1]}),
    "SGD-RMS": (methods.RMS, {"rate": 0.1, "epsilon": 1, **STEP, "segment": 16},
                {"rate": 2, "epsilon": [0.1], "decay": [0.003, 0.01]}),
    "Adam": (methods.Adam, {"rate": 4e-4, **STEP},
             {"rate": 2, "segment": [64], "decay": [0.003, 0.01]}),
    "Adam, unembedding": (methods.Unembedding, {"rate": 1e-3, **STEP},
                          {"rate": 2, "segment": [64], "decay": [0.003, 0.01]}),
    "Adam, last block": (methods.Block, {"rate": 1e-3, **STEP},
                         {"rate": 2, "segment": [64], "decay": [0.003, 0.01]}),
    "LoRA r8, Adam": (methods.LoRA, {"rate": 2e-3, **STEP},
                      {"rate": 2, "segment": [64], "decay": [0.003, 0.01], "recent": [1]}),
    "neural cache": (methods.NeuralCache, {"theta": 10, "share": 0.1},
                     {"theta": 1.5, "share": 1.5}),
    "unigram cache": (methods.UnigramCache, {"share": 0.05}, {"share": 1.5}),
}
# Of these, only the one that does better on the tuning users is measured further.
LAST_LAYER = ["Adam, unembedding", "Adam, last block"]
SEARCH_USERS, CHOICE_USERS = 2, 6
CONTEXTS = [256, 1024]


class User:
    """One text, as token ids: pieces of the stream, the end as one text and in pieces."""

    def __init__(self, path: Path, encode):
        observed, held_back = split(path.read_text())
        self.name = path.stem
        self.stream = [encode(piece) for piece in pieces(observed, CHUNK_BYTES)]
        self.end = encode(held_back)
        self.second = [encode(piece) for piece in pieces(held_back, CHUNK_BYTES)]

    @property
    def stream_tokens(self) -> int:
        return sum(len(ids) - 1 for ids in self.stream)


def contexts(ids: list[int], length: int) -> list[list[int]]:
    """A text's tokens, dealt to contexts of at most `length` that begin with the start token."""
    body = ids[1:]
    return [[methods.START, *body[i:i + length - 1]] for i in range(0, len(body), length - 1)]


def gain(frozen: float, adapted: float) -> float:
    """Per cent fewer bits than the frozen core; negative is harm."""
    return 100 * (1 - adapted / frozen)


class Bench:
    """The core, its figures, and the record of what was measured."""

    def __init__(self, core: Path, record: Path):
        self.core, self.record = load_core(core), record
        self.window = self.core.shape.max_position_embeddings
        self.frozen = methods.Frozen(self.core, {})
        self.known: dict[tuple, float] = {}
        self.data = {"format": "hebb.rivals", "format_version": 1, "tuning": {}, "results": {}}
        if record.exists():
            self.data = json.loads(record.read_text())

    def save(self) -> None:
        new = self.record.with_name(self.record.name + ".new")
        new.write_text(json.dumps(self.data, indent=1) + "\n")
        os.replace(new, self.record)

    def frozen_nats(self, key: tuple, texts: list[list[int]]) -> float:
        if key not in self.known:
            self.known[key] = self.frozen.stream(texts)
        return self.known[key]

    def run(self, kind, options: dict, user: User):
        """Streams the user; the method as it is afterwards, and the first two figures."""
        method = kind(self.core, options)
        begin = time.process_time()
        stream = method.stream(user.stream)
        seconds = time.process_time() - begin
        end = method.nats(user.end, self.window)
        frozen_end = self.known.setdefault(
            (user.name, "end"), self.frozen.nats(user.end, self.window))
        return method, {
            "stream": gain(self.frozen_nats((user.name, "stream"), user.stream), stream),
            "next": gain(frozen_end, end), "seconds_per_token": seconds / user.stream_tokens}

    # Tuning

    def trial(self, name: str, options: dict, users: list[User]) -> float:
        """Mean of stream + next over the users."""
        trials = self.data["tuning"].setdefault(name, {}).setdefault("trials", {})
        key = json.dumps(options, sort_keys=True)
        for user in users:
            if user.name not in trials.setdefault(key, {}):
                _, figures = self.run(METHODS[name][0], options, user)
                trials[key][user.name] = figures
                self.save()
                print(f"  {name} {key} {user.name}: {figures['stream']:.2f} "
                      f"{figures['next']:.2f}", flush=True)
        return sum(trials[key][u.name]["stream"] + trials[key][u.name]["next"]
                   for u in users) / len(users)

    def tune(self, name: str, users: list[User], finalists: int) -> dict:
        """The method's numbers: a search on a few users, its best compared on all of them."""
        entry = self.data["tuning"].setdefault(name, {})
        if "choice" in entry:
            return entry["choice"]
        _, best, moves = METHODS[name]
        few = users[::max(1, len(users) // SEARCH_USERS)][:SEARCH_USERS]
        tried = [(self.trial(name, best, few), best)]

        def better(options: dict) -> bool:
            nonlocal best
            value, top = self.trial(name, options, few), max(v for v, _ in tried)
            if not any(options == o for _, o in tried):
                tried.append((value, options))
            if value > top:
                best = options
            return value > top

        for option, move in moves.items():
            if isinstance(move, list):
                for value in move:
                    if not better({**best, option: value}):
                        break
                continue
            up = False
            while better({**best, option: round(best[option] * move, 10)}):
                up = True
            while not up and better({**best, option: round(best[option] / move, 10)}):
                pass
        tried = sorted(tried, key=lambda pair: -pair[0])[:finalists]
        if finalists > 1:
            tried = [(self.trial(name, o, users), o) for _, o in tried]
        value, best = max(tried, key=lambda pair: pair[0])
        entry["choice"], entry["value"] = best, value
        self.save()
        return best

    # Measuring

    def measure(self, name: str, options: dict, user: User, others: list[User],
                generic: list[int]) -> dict:
        kind = METHODS[name][0]
        method, figures = self.run(kind, options, user)

        def rise(whose: str, texts: list[list[int]], length: int) -> float:
            dealt = [part for ids in texts for part in contexts(ids, length)]
            nats = sum(method.nats(ids, self.window) for ids in dealt)
            return -gain(self.frozen_nats((whose, length), dealt), nats)

        for length in CONTEXTS:
            ends = [other.end for other in others]
            figures[f"others_{length}"] = rise("not " + user.name, ends, length)
            figures[f"generic_{length}"] = rise("nobody", [generic], length)
        frozen = self.frozen_nats((user.name, "second"), user.second)
        method.restart()
        figures["second"] = gain(frozen, method.stream(user.second))
        figures["fresh"] = gain(frozen, kind(self.core, options).stream(user.second))
        return figures


COLUMNS = [("stream", "stream %", "{:.2f}"), ("next", "next %", "{:.2f}"),
           ("second", "second session %", "{:.2f}"), ("fresh", "the same, fresh %", "{:.2f}"),
           ("others_256", "others 256, rise %", "{:+.2f}"),
           ("others_1024", "others 1,024", "{:+.2f}"),
           ("generic_256", "generic 256, rise %", "{:+.2f}"),
           ("generic_1024", "generic 1,024", "{:+.2f}"),
           ("seconds_per_token", "ms a token", "{:.2f}")]


def row(user: str, name: str, figures: dict) -> str:
    def cell(key: str, form: str) -> str:
        value = figures[key] * (1000 if key == "seconds_per_token" else 1)
        return form.format(value)
    return f"| {user} | {name} | " + " | ".join(cell(k, f) for k, _, f in COLUMNS) + " |"


def table(results: dict) -> str:
    lines = ["| user | method | " + " | ".join(title for _, title, _ in COLUMNS) + " |",
             "|---" * (len(COLUMNS) + 2) + "|"]
    for name, users in results.items():
        lines += [row(user, name, figures) for user, figures in users.items()]
    for name, users in results.items():
        mean = {k: sum(f[k] for f in users.values()) / len(users) for k, _, _ in COLUMNS}
        lines.append(row("**mean**", name, mean))
    return "\n".join(lines)


def users_in(folder: Path, encode, limit: int | None = None) -> list[User]:
    """The folder's users, or `limit` of them spread evenly over their sorted names."""
    paths = sorted(folder.glob("*.txt"))
    if limit and limit < len(paths):
        paths = [paths[int((i + 0.5) * len(paths) / limit)] for i in range(limit)]
    return [User(path, encode) for path in paths]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("core", type=Path)
    parser.add_argument("users", type=Path, help="a folder of .txt files, one user each")
    parser.add_argument("--tuning", type=Path, required=True, help="users to choose numbers on")
    parser.add_argument("--generic", type=Path, required=True, help="a text of nobody")
    parser.add_argument("--generic-bytes", type=int, default=40_000,
                        help="how much of it is read (default: %(default)s)")
    parser.add_argument("--json", type=Path, required=True, help="the record, read and written")
    parser.add_argument("--finalists", type=int, default=2,
                        help="how many of the search's best are compared on all tuning users; "
                        "1 takes the best at once (default: %(default)s)")
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = Tokenizer.from_file(str(options.core / "tokenizer.json"))

    def encode(text: str) -> list[int]:
        return [methods.START, *tokenizer.encode(text, add_special_tokens=False).ids]

    bench = Bench(options.core, options.json)
    tuning = users_in(options.tuning, encode, CHOICE_USERS)
    users = users_in(options.users, encode)
    if not tuning or not users:
        parser.error("a folder of users holds no .txt file")
    generic = encode(options.generic.read_text()[:options.generic_bytes])
    statistics = [part for user in tuning for ids in user.stream[::2]
                  for part in contexts(ids, bench.window)]
    choices: dict[str, dict] = {}
    for name in options.methods:
        kind = METHODS[name][0]
        if hasattr(kind, "prepare"):
            kind.prepare(bench.core, statistics)
        choices[name] = bench.tune(name, tuning, options.finalists)
        if name in LAST_LAYER and all(other in options.methods for other in LAST_LAYER):
            if not all(other in choices for other in LAST_LAYER):
                continue
            worse = min(LAST_LAYER, key=lambda other: bench.data["tuning"][other]["value"])
            del choices[worse]
            name = next(other for other in LAST_LAYER if other != worse)
        done = bench.data["results"].setdefault(name, {})
        for user in users:
            if user.name not in done:
                others = [other for other in users if other is not user]
                done[user.name] = bench.measure(name, choices[name], user, others, generic)
                bench.save()
                print(row(user.name, name, done[user.name]), flush=True)
    print()
    for name, choice in choices.items():
        print(f"{name}: " + ", ".join(f"{k} {v:g}" for k, v in choice.items()))
    print("\n" + table({name: bench.data["results"][name] for name in choices}))


if __name__ == "__main__":
    main()
