#!/usr/bin/env python3
"""How much a running Hebb server learns from users it has never seen, and what that costs others.

    python validate.py USERS_FOLDER --generic generic-100k.txt [--url http://127.0.0.1:8421]

Speaks REST only, with nothing but the standard library, so it measures what a client gets.
For every text: the first 80 % is observed in order in chunks of about 2 KB, the rest is
scored before and after; then, with that user's delta loaded, the held-back parts of the
other users and a generic sample are scored. Prints one markdown table.
"""
import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

CHUNK_BYTES = 2_000
PIECE_BYTES = 4_000  # generic text is scored as separate texts of about this size
SHARE_OBSERVED = 0.8


def pieces(text: str, size: int) -> list[str]:
    """`text` cut at line breaks into pieces of at most `size` bytes; a longer line stays whole."""
    out, piece, length = [], [], 0
    for line in text.splitlines(keepends=True):
        count = len(line.encode())
        if piece and length + count > size:
            out.append("".join(piece))
            piece, length = [], 0
        piece.append(line)
        length += count
    return out + ["".join(piece)] if piece else out


def split(text: str) -> tuple[str, str]:
    """The observed part and the held-back part, parted at a line break."""
    raw = text.encode()
    place = raw.rfind(b"\n", 0, int(len(raw) * SHARE_OBSERVED)) + 1
    return raw[:place].decode(), raw[place:].decode()


class Bits:
    """Bits of many texts, frozen and adapted; rates are weighted by bytes."""

    def __init__(self):
        self.bytes, self.frozen, self.adapted = 0, 0.0, 0.0

    def add(self, text: str, answer: dict) -> None:
        size = len(text.encode())
        self.bytes += size
        self.frozen += answer["bits_per_byte"]["frozen"] * size
        self.adapted += answer["bits_per_byte"]["adapted"] * size

    @property
    def gain(self) -> float:
        """Per cent fewer bits than the frozen core; negative is harm."""
        return 100 * (1 - self.adapted / self.frozen)


class Session:
    """One session of a user, over REST."""

    def __init__(self, url: str, key: str | None, user: str, name: str = "default"):
        self.root, self.id, self.key = f"{url.rstrip('/')}/v1/sessions", f"{user}/{name}", key

    def create(self) -> None:
        """Only a session named `default` is made on first use."""
        self.request("POST", self.root, {"id": self.id})

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        return self.request(method, f"{self.root}/{self.id}{path}", body)

    def request(self, method: str, url: str, body: dict | None) -> dict:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(
            url, method=method, headers=headers,
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {url}: {error.code} {error.read().decode()[:500]}")
        except urllib.error.URLError as error:
            sys.exit(f"no server at {url}: {error.reason}")

    def observe(self, text: str) -> dict:
        return self.call("POST", "/observe", {"text": text})

    def score(self, texts: list[str]) -> Bits:
        bits = Bits()
        for text in texts:
            bits.add(text, self.call("POST", "/score", {"text": text}))
        return bits


def measure(name: str, texts: dict[str, tuple[str, str]], generic: list[str], options) -> dict:
    """Everything the table says about one user."""
    observed, held_back = texts[name]
    user = f"{options.prefix}-{name.replace('.', '_')}"
    session = Session(options.url, options.key, user)
    before = session.score([held_back])
    stream = Bits()
    for chunk in pieces(observed, CHUNK_BYTES):
        stream.add(chunk, session.observe(chunk))
    next_session = session
    if options.checkpoint:
        session.call("POST", "/checkpoints", {})
        next_session = Session(options.url, options.key, user, "next")
        next_session.create()
    after = next_session.score([held_back])
    if abs(before.frozen - after.frozen) > 1e-6 * before.frozen:
        print(f"{name}: the frozen score changed by learning; the core must not", file=sys.stderr)
    others = next_session.score([texts[other][1] for other in texts if other != name])
    result = {"user": name, "frozen": after.frozen / after.bytes, "stream": stream.gain,
              "next": after.gain, "others": -others.gain if others.bytes else float("nan"),
              "generic": -next_session.score(generic).gain if generic else float("nan")}
    if not options.keep:
        session.call("DELETE", "")
        if options.checkpoint:
            next_session.call("DELETE", "")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("users", type=Path, help="a folder of .txt files, one user each")
    parser.add_argument("--generic", type=Path, help="a text of nobody, to measure harm on")
    parser.add_argument("--url", default=os.environ.get("HEBB_URL", "http://127.0.0.1:8421"))
    parser.add_argument("--key", default=os.environ.get("HEBB_API_KEY"))
    parser.add_argument("--prefix", default=f"validate-{int(time.time())}",
                        help="start of the users' ids; new ones in every run by default")
    parser.add_argument("--checkpoint", action="store_true",
                        help="consolidate after the stream and score in a second session")
    parser.add_argument("--keep", action="store_true", help="do not delete the sessions")
    options = parser.parse_args()

    texts = {path.stem: split(path.read_text()) for path in sorted(options.users.glob("*.txt"))}
    if not texts:
        parser.error(f"no .txt file in {options.users}")
    generic = pieces(options.generic.read_text(), PIECE_BYTES) if options.generic else []

    rows = []
    print("| user | frozen bits/byte | streaming gain % | next-session gain % "
          "| others' text, rise % | generic text, rise % |")
    print("|---|---|---|---|---|---|")
    for name in texts:
        rows.append(measure(name, texts, generic, options))
        print_row(rows[-1])
    mean = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0] if key != "user"}
    print_row({"user": "**mean**", **mean})


def print_row(row: dict) -> None:
    print(f"| {row['user']} | {row['frozen']:.4f} | {row['stream']:.2f} | {row['next']:.2f} "
          f"| {row['others']:+.3f} | {row['generic']:+.3f} |", flush=True)


if __name__ == "__main__":
    main()
