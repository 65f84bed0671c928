#!/usr/bin/env python3
"""Invented people who tell a model about themselves, and questions that ask for it in other words.

    python people.py people --split test --count 12 --facts 34       one person a line, JSON
    python people.py pairs --split train --count 20000               one (statement, question) a line
    python people.py relations --split train                         the relations themselves
    python people.py chats --split train --sessions 6                a user and the model, in sessions with dates
    python people.py dialogues --split train                         two people, in sessions with dates
    python people.py check                                           what is in the tables, and that no split sees another's

Everything is decided by --seed; the same arguments give the same bytes.

The tables beside this file are written by hand. `values.txt` and `names.txt` hold what can be an
answer, every other table relations:

    id [@kind of subject] | kind of answer | lead | what stands for the answer in a two-hop question, or -
    + statements, {} being the answer and {s} the subject
    ? questions; the first in the statements' words, the rest in others
    ! corrections (optional)

under `== train`, `== tune` and `== test`. A relation belongs to one split. So does every value,
every name and every frame around a statement, but for kinds that are too small to divide (`CLOSED`).
"""
import argparse
import json
import sys

from conversations import chat, dialogue, plain, templated
from persons import pairs, person
from relations import LISTS, RELATIONS, SPLITS, Values


def check():
    """Prints what is in the tables; exits with an error when a promise of the head is broken."""
    wrong = []
    for x in RELATIONS:
        where = f"{x['table']}: {x['id']}"
        if len(x["says"]) < 4 or len(x["asks"]) < 4:
            wrong.append(f"{where} has {len(x['says'])} statements and {len(x['asks'])} questions")
        if any("{}" not in s for s in x["says"] + x["corrections"]):
            wrong.append(f"{where} has a statement without its answer")
        if any("{}" in q for q in x["asks"]) or "{}" in x["lead"]:
            wrong.append(f"{where} asks with its answer")
        if x["subject"] and any("{s}" not in s for s in x["says"] + x["asks"] + [x["lead"]]
                                if not x["lead"].startswith("You met")):
            wrong.append(f"{where} has a wording without its subject")
        if x["split"] not in SPLITS or x["kind"] not in LISTS and not hasattr(Values, x["kind"]):
            wrong.append(f"{where}: split {x['split']}, kind {x['kind']}")
    names = [(x["id"]) for x in RELATIONS]
    wrong += [f"{n} is there twice" for n in set(names) if names.count(n) > 1]
    for field in ("says", "asks"):
        texts = [(t, x["id"]) for x in RELATIONS for t in x[field]]
        known = {}
        for text, name in texts:
            if known.setdefault(text, name) != name and field == "asks":
                print(f"note: {known[text]} and {name} share {text!r}", file=sys.stderr)
    for kind, lists in LISTS.items():
        if any(set(lists[a]) & set(lists[b]) for a in SPLITS for b in SPLITS if a < b):
            wrong.append(f"{kind}: a value in two splits")
        if sum(map(len, lists.values())) < 20:
            wrong.append(f"{kind} has {sum(map(len, lists.values()))} values")
    for split in SPLITS:
        mine = [x for x in RELATIONS if x["split"] == split]
        print(f"{split}: {len(mine)} relations, {sum(1 for x in mine if x['subject'])} of them about third persons, "
              f"{sum(len(x['says']) for x in mine)} statements, {sum(len(x['asks']) for x in mine)} questions")
    print(f"{len(RELATIONS)} relations, {len(LISTS)} lists of {sum(sum(map(len, x.values())) for x in LISTS.values())} values")
    if wrong:
        sys.exit("\n".join(wrong))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["people", "pairs", "relations", "chats", "dialogues", "check"])
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the next person's is one more")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--facts", type=int, default=34)
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--plain", action="store_true", help="conversations as text in place of JSON")
    parser.add_argument("--templated", action="store_true", help="chats as SmolLM2 reads them")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.count)
    if options.what == "check":
        return check()
    if options.what == "people":
        rows = (person(n, options.split, options.facts) for n in seeds)
    elif options.what == "chats":
        rows = (chat(n, options.split, options.facts, options.sessions) for n in seeds)
    elif options.what == "dialogues":
        rows = (dialogue(n, options.split, options.sessions) for n in seeds)
    elif options.what == "pairs":
        rows = pairs(options.seed, options.split, options.count)
    else:
        rows = (x for x in RELATIONS if x["split"] == options.split)
    for row in rows:
        print(plain(row) if options.plain else templated(row) if options.templated
              else json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
