#!/usr/bin/env python3
"""Sets the margins of a core's probes by how far ordinary users move them.

    python margins.py --packages
    python margins.py texts EXTRACTED USERS      EXTRACTED/<package>/ -> USERS/{tuning,heldout}/
    hebb audit --core CORE --users USERS/tuning --json > tuning.json
    python margins.py write tuning.json probes.yaml

`hebb audit` lets each text be learned by a user of its own, as a server does, and says how far each
probe has moved against its bound: its drift, nats. The margin is what a probe allows, and the rule

    allowed = QUANTILE of the drifts over the users, times FACTOR, and SMALLEST at least

so that an ordinary user's checkpoint passes as it is, with room for texts unlike these, and what
moves a probe further is not ordinary. A probe with both continuations states what must be left of
the difference between them: what the frozen core has minus what is allowed, and STILL_LIKELIER at
least, so that what is right stays the likelier. `write` changes the margins in the file and nothing
else, and prints the drifts by which.

Margins are set on one group of packages and checked on the other: nothing is read of it before.
"""
import gzip
import json
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from corpus import cut, package_pages
from markup import decode, tidy

GROUPS = {
    "tuning": """gnuplot-doc imagemagick-6-doc postfix-doc octave-doc kicad-doc-en cmake-doc
        ffmpeg-doc postgresql-doc-15""".split(),
    "heldout": """maxima-doc gawk-doc emacs-common-non-dfsg tcl8.6-doc gsl-ref-html
        glibc-doc-reference libreoffice-help-en-us gimp-help-en make-doc autoconf-doc
        bison-doc""".split(),
}
# What a user learns, and what follows it, to measure on what is lost when a checkpoint is made to
# fit.
LEARNED_BYTES, NEXT_BYTES = 34_000, 8_500
USERS_OF_A_PACKAGE = 14
USERS_OF_A_GROUP = 100

QUANTILE, FACTOR, SMALLEST, STILL_LIKELIER = 0.99, 2.0, 0.75, 0.5


def info_text(path: Path) -> str:
    """An info file: its nodes without their headings, menus and the table at the end."""
    raw = path.read_bytes()
    text = decode(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    nodes = re.split(r"\x1f\n?(?:File: .*\n)?", text)
    nodes = [node for node in nodes if not node.startswith(("Tag Table", "Local Variables"))]
    lines = "\n".join(nodes).split("\n")
    return tidy("\n".join(line for line in lines if not re.match(r"\* .*::|\* Menu:", line)))


def text_of(root: Path, package: str, pool) -> str:
    pages = [text for _, text in package_pages(root, package, pool)]
    manuals = sorted((root / package).rglob("*.info*.gz"))
    if not pages and manuals:
        pages = [info_text(path) for path in manuals]
    return "\n".join(pages)


def write_texts(root: Path, users: Path) -> None:
    size = LEARNED_BYTES + NEXT_BYTES
    with ProcessPoolExecutor(2) as pool:
        for group, packages in GROUPS.items():
            folder = users / group
            folder.mkdir(parents=True, exist_ok=True)
            texts = {package: text_of(root, package, pool) for package in packages}
            # Places spread over each package, none of them overlapping; in turns, so that a short
            # package gives what it has and a long one no more than its share.
            places = {}
            for package, text in texts.items():
                length = len(text.encode())
                count = min(USERS_OF_A_PACKAGE, length // size)
                places[package] = [int(length * k / count) for k in range(count)]
            chosen = [(package, k) for k in range(USERS_OF_A_PACKAGE) for package in packages
                      if k < len(places[package])][:USERS_OF_A_GROUP]
            for package, k in chosen:
                piece = cut(texts[package], places[package][k], size)
                (folder / f"{package}-{k + 1:02}.txt").write_text(piece)
            for package in packages:
                count = sum(name == package for name, _ in chosen)
                print(f"{group:8} {package:24} {len(texts[package].encode()):10,} bytes, "
                      f"{count} users")


def quantile(values: list[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def write_margins(report: dict, path: Path) -> None:
    text = path.read_text()
    for probe in report["probes"]:
        drifts = [user["drifts"][probe["name"]] for user in report["users"]]
        allowed = max(SMALLEST, quantile(drifts, QUANTILE) * FACTOR)
        margin = allowed
        if probe["kind"] == "both":
            margin = max(STILL_LIKELIER, probe["frozen"] - allowed)
        shown = ", ".join(f"{quantile(drifts, q):.2f}" for q in (0.5, 0.9, 0.99, 1))
        print(f"{probe['name']}: drift at 50, 90, 99 and 100 % of {len(drifts)} users {shown}; "
              f"margin {margin:.2f}")
        entry = re.compile(
            rf'(- name: "{re.escape(probe["name"])}"\n(?:    .*\n)*?    margin: )[-\d.]+')
        text, found = entry.subn(lambda match: f"{match[1]}{margin:.2f}", text)
        if found != 1:
            sys.exit(f"{path}: no probe '{probe['name']}' with a margin of its own")
    path.write_text(text)


if __name__ == "__main__":
    command = sys.argv[1:]
    if command == ["--packages"]:
        print("\n".join(GROUPS["tuning"] + GROUPS["heldout"]))
    elif len(command) == 3 and command[0] == "texts":
        write_texts(Path(command[1]), Path(command[2]))
    elif len(command) == 3 and command[0] == "write":
        write_margins(json.loads(Path(command[1]).read_text()), Path(command[2]))
    else:
        sys.exit(__doc__)
