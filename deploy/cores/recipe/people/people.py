#!/usr/bin/env python3
"""Invented people who tell a model about themselves, and questions that ask for it in other words.

    python people.py people --split test --count 12 --facts 34       one person a line, JSON
    python people.py pairs --split train --count 20000               one (statement, question) a line
    python people.py relations --split train                         the relations themselves
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
import random
import re
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPLITS = ("train", "tune", "test")
SHARES = (0.6, 0.12, 0.28)
CLOSED = {"weekday", "smallnumber", "floor", "bloodgroup", "shoesize"}
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = ("January February March April May June July August September October November "
          "December").split()


# What can be an answer.

def table(name):
    """{kind: values} of a file of `kind: a | b | c` lines."""
    rows = {}
    for line in (HERE / name).read_text().splitlines():
        if line and not line.startswith("#"):
            kind, values = line.split(": ", 1)
            rows[kind] = [v.strip() for v in values.split("|")]
    return rows


def dealt(values, salt):
    """The three splits' shares of a list, in an order that only `salt` decides."""
    order = sorted(set(values))
    random.Random(salt).shuffle(order)
    first = round(len(order) * SHARES[0])
    second = first + max(3, round(len(order) * SHARES[1]))
    return dict(zip(SPLITS, (order[:first], order[first:second], order[second:])))


def split_of(text):
    """The split to which a made value belongs: by its bytes, so that none is in two."""
    part = zlib.crc32(text.encode()) % 1000 / 1000
    return "train" if part < SHARES[0] else "tune" if part < SHARES[0] + SHARES[1] else "test"


def ordinal(n):
    return f"{n}{'th' if 10 < n < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


LISTS = {kind: dealt(values, kind)
         for kind, values in {**table("values.txt"), **table("names.txt")}.items()}


class Values:
    """Draws values of one split; what is made of parts is made of this split's parts."""

    def __init__(self, split):
        self.split = split

    def part(self, r, kind):
        return r.choice(LISTS[kind][self.split])

    def coined(self, r):
        return self.part(r, "start") + self.part(r, "end")

    def draw(self, r, kind):
        if kind in LISTS:
            return self.part(r, kind)
        if kind in CLOSED or kind in MADE_OF_PARTS:
            return getattr(self, kind)(r)
        while True:
            value = getattr(self, kind)(r)
            if split_of(value) == self.split:
                return value

    def person(self, r): return self.part(r, "given") if r.random() < .6 else self.coined(r)
    def lastname(self, r): return self.part(r, "last") if r.random() < .7 else self.coined(r)
    def fullname(self, r): return f"{self.person(r)} {self.lastname(r)}"
    def doctor(self, r): return f"Dr. {self.lastname(r)}"
    def firm(self, r):
        head = self.coined(r) if r.random() < .5 else self.part(r, "thing")
        return f"{head} {self.part(r, 'trade')}"
    def shop(self, r):
        return f"{self.part(r, 'given')}'s {self.part(r, 'thing')}" if r.random() < .5 else \
            f"{self.lastname(r)} and {r.choice(['Sons', 'Daughters', 'Company'])}"
    def restaurant(self, r): return f"the {self.part(r, 'adjective')} {self.part(r, 'thing')}"
    def hotel(self, r): return f"Hotel {self.coined(r)}"
    def hospital(self, r): return f"{self.coined(r)} Hospital"
    def school(self, r): return f"{self.coined(r)} School"
    def university(self, r): return f"{self.coined(r)} University"
    def club(self, r): return f"the {self.coined(r)} {self.part(r, 'society')}"
    def team(self, r):
        return f"the {self.coined(r)} {self.part(r, 'thing')}s"
    def project(self, r): return f"{self.part(r, 'adjective')} {self.part(r, 'thing')}"
    def boatname(self, r): return f"{r.choice(['Lady', 'Saint', 'Little'])} {self.person(r)}"
    def brand(self, r): return self.coined(r)
    def street(self, r): return f"{self.lastname(r)} {r.choice(['Street', 'Lane', 'Road', 'Square'])}"
    def email(self, r):
        return f"{self.person(r)}@{self.coined(r)}.example".lower()

    def weekday(self, r): return r.choice(DAYS)
    def smallnumber(self, r): return r.choice("two three four five six seven eight nine ten".split())
    def floor(self, r): return r.choice("second third fourth fifth sixth seventh eighth ninth".split())
    def bloodgroup(self, r): return r.choice("A B AB O".split()) + r.choice([" positive", " negative"])
    def shoesize(self, r): return str(r.randrange(35, 49))

    def time(self, r): return f"{r.randrange(5, 24)}:{r.randrange(0, 60, 5):02d}"
    def weektime(self, r): return f"{r.choice(DAYS)} at {r.randrange(8, 22)}:{r.choice(['00', '15', '30', '45'])}"
    def date(self, r): return f"the {ordinal(r.randrange(1, 29))} of {r.choice(MONTHS)}"
    def ordinalday(self, r): return ordinal(r.randrange(1, 29))
    def year(self, r): return str(r.randrange(1921, 2049))
    def age(self, r): return str(r.randrange(19, 97))
    def number(self, r): return str(r.randrange(11, 300))
    def busline(self, r): return str(r.randrange(11, 999))
    def bignumber(self, r): return f"{r.randrange(12, 200) * 100:,}"
    def minutes(self, r): return f"{r.randrange(11, 118)} minutes"
    def duration(self, r): return f"{r.randrange(3, 6)} hours {r.randrange(2, 59)} minutes"
    def distance(self, r): return f"{r.randrange(12, 900)} kilometres"
    def money(self, r): return f"{r.randrange(13, 480) * 10:,} euros"
    def pin(self, r): return str(r.randrange(1000, 9999))
    def code(self, r):
        letters = "ABCDEFGHKLMNPRSTUVWXZ"
        return "".join(r.choice(letters) for _ in range(3)) + str(r.randrange(100, 999))
    def plate(self, r):
        return f"{self.code(r)[:2]} {r.randrange(10, 99)} {self.code(r)[:3]}"
    def phonenumber(self, r): return f"0{r.randrange(11, 99)} {r.randrange(100, 999)} {r.randrange(1000, 9999)}"
    def seat(self, r): return f"{r.randrange(2, 58)}{r.choice('ABCDEF')}"
    def height(self, r): return f"1.{r.randrange(48, 99)} metres"
    def weight(self, r): return f"{r.randrange(47, 122)}.{r.randrange(1, 10)} kilos"
    def decimal(self, r): return f"{r.randrange(1, 9)}.{r.choice(['25', '5', '75'])}{r.choice(['', '', ' left and right'])}"
    def temperature(self, r): return f"{r.randrange(12, 27)}.{r.randrange(0, 10)} degrees"


# Their parts are of one split already.
MADE_OF_PARTS = set("""person lastname fullname doctor firm shop restaurant hotel hospital school
    university club team project boatname brand street email""".split())


# Relations.

def filled(text, answer, subject=None):
    """`text` with its answer and subject, a capital where a sentence begins, `an` before vowels."""
    text = text.replace("{s}", subject or "").replace("{}", answer)
    text = re.sub(r"\b([Aa]) (?=[aeiouAEIO])", r"\1n ", text)
    return re.sub(r"(^|[.?!] )([a-z])", lambda m: m[1] + m[2].upper(), text)


def relations():
    """All relations, in the tables' order."""
    found = []
    for path in sorted(HERE.glob("*.txt")):
        if path.name in NOT_RELATIONS:
            continue
        split = None
        for line in path.read_text().splitlines():
            parts = [p.strip() for p in line[2:].split(" | ")]
            if line.startswith("== "):
                split = line[3:].strip()
            elif line.startswith("+ "):
                found[-1]["says"] = parts
            elif line.startswith("? "):
                found[-1]["asks"] = parts
            elif line.startswith("! "):
                found[-1]["corrections"] = parts
            elif line and not line.startswith("#"):
                name, kind, lead, noun = (p.strip() for p in line.split(" | "))
                name, _, subject = name.partition(" @")
                found.append({"id": name, "table": path.stem, "split": split, "kind": kind,
                              "lead": lead, "subject": subject or None, "says": [], "asks": [],
                              "corrections": [], "noun": None if noun == "-" else noun})
    return found


NOT_RELATIONS = {"values.txt", "names.txt", "talk.txt", "prompts.txt"}
RELATIONS = relations()
# Whose values can be the subject of a relation about something with a name.
SUBJECTS = {"person": "person", "firm": "firm", "shop": "shop", "restaurant": "restaurant",
            "hotel": "hotel", "pet": "petname", "project": "project", "team": "team", "club": "club"}

FRAMES = {
    "train": ["{}"] * 4 + [
        "By the way, you should know this. {}", "{} Just so you know.", "Hi! {} What can you do for me?",
        "I forgot to mention something. {}", "{} I thought I'd tell you.", "Let me tell you about myself. {}",
        "It has been a long day. {} Anyway, I'm glad to be home.", "{} Funny how things go, isn't it?",
        "Oh, and another thing. {}", "We talked about this at breakfast. {}", "{} Please remember that.",
        "Good morning. {} It's raining here.", "Listen. {} That's all for now.",
        "You asked about me, so here goes. {}", "{} I could talk about it for hours.",
        "My head is full today. {} And then there's the shopping still to do."],
    "tune": ["{}"] * 2 + ["Something about me. {}", "{} There, now you know.",
                          "Before I forget it. {}", "Evening! {} I'm off to bed soon."],
    "test": ["{}"] * 4 + [
        "Hello again. {} How are you?", "I meant to say this earlier. {}", "{} Keep it in mind, will you?",
        "So much is happening here. {} I also need to fix the fence.", "{} My friends find that amusing.",
        "Nice weather today. {}", "Well, since we're chatting. {}", "{} That's how it is with me.",
        "You may find this useful later. {}", "Sorry for the late hour. {} I couldn't sleep."],
}
REVISIONS = {
    "train": ["Sorry, I got that wrong before. {}", "Correction. {}", "That has changed since. {}",
              "I have to take back what I said. {}", "Update. {}", "Not any more! {}"],
    "tune": ["I was mistaken. {}", "It's different now. {}"],
    "test": ["Oh no, I told you something wrong. {}", "Things are not as they were. {}",
             "Scratch what I said. {}", "Let me set this right. {}"],
}


def fact(r, values, relation, split, answer=None, subject=None):
    """One fact with all its wordings; `say` is the one in which it is told, `chat` the same as a turn."""
    answer = answer or values.draw(r, relation["kind"])
    says = [filled(s, answer, subject) for s in relation["says"]]
    r.shuffle(says)
    return {"relation": relation["id"], "kind": relation["kind"], "subject": subject, "answer": answer,
            "say": says[0], "says": says, "chat": r.choice(FRAMES[split]).replace("{}", says[0]),
            "asks": [filled(q, answer, subject) for q in relation["asks"]],
            "lead": filled(relation["lead"], "", subject)}


def of_split(split, about=None):
    return [x for x in RELATIONS if x["split"] == split and x["subject"] == about]


def person(seed, split, count):
    """A person with `count` facts, in the order of telling, and what can be asked of them.

    `hops` join two of the facts; `revised` replaces one; `form` is ten facts of one form about ten
    names, which are told apart from the others.
    """
    r = random.Random(f"{split} {seed}")
    values = Values(split)
    own = of_split(split)
    r.shuffle(own)
    third = [x for x in RELATIONS if x["split"] == split and x["subject"]]
    facts, hops, seen, names = [], [], set(), set()

    def fresh(kind):
        """A name that nobody of this person's has yet, so that a name means one of them."""
        while True:
            name = values.draw(r, kind)
            if name not in names:
                names.add(name)
                return name

    def add(relation, subject=None):
        key = (relation["id"], subject)
        if key in seen:
            return None
        seen.add(key)
        answer = fresh("person") if relation["kind"] == "person" and count < 100 else None
        facts.append(fact(r, values, relation, split, answer, subject))
        return len(facts) - 1

    named = [x for x in own if x["noun"] and x["kind"] in SUBJECTS.values()]
    # Two facts that meet in a name: who it is, and something of who it is.
    for first in named[:max(1, min(len(named), count // 8))]:
        about = [x for x in third if SUBJECTS[x["subject"]] == first["kind"]]
        if not about:
            continue
        i = add(first)
        second = r.choice(about)
        j = add(second, subject=facts[i]["answer"]) if i is not None else None
        if j is not None:
            noun = first["noun"]
            yours = re.sub(r"^my\b", "your", noun)
            hops.append({"facts": [i, j], "answer": facts[j]["answer"],
                         "asks": [filled(q, "", noun) for q in second["asks"]],
                         "lead": filled(second["lead"], "", yours)})
    alone = max(0, round((count - len(facts)) * .8))
    for relation in [x for x in own if (x["id"], None) not in seen][:alone]:
        add(relation)
    while len(facts) < count:
        relation = r.choice(third)
        kind = SUBJECTS[relation["subject"]]
        # Many facts are about few: a name has several.
        add(relation, subject=fresh(kind) if count < 100 else values.draw(r, kind))
    order = list(range(len(facts)))
    r.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    facts = [facts[i] for i in order][:count]
    hops = [{**h, "facts": [place[i] for i in h["facts"]]} for h in hops
            if all(place[i] < count for i in h["facts"])]

    by_id = {(x["id"], x["subject"] is not None): x for x in RELATIONS if x["split"] == split}
    revised, in_hops = [], {i for h in hops for i in h["facts"]}
    for i in r.sample(range(len(facts)), len(facts)):
        old = facts[i]
        relation = by_id[(old["relation"], old["subject"] is not None)]
        if i in in_hops or len(revised) >= max(4, count // 8):
            continue
        new = values.draw(r, relation["kind"])
        if new == old["answer"]:
            continue
        said = r.choice(relation["corrections"]) if relation["corrections"] and r.random() < .6 else None
        text = filled(said, new, old["subject"]) if said else r.choice(REVISIONS[split]).replace(
            "{}", filled(r.choice(relation["says"]), new, old["subject"]))
        revised.append({"fact": i, "say": text, "answer": new})

    about = r.choice([x for x in third if SUBJECTS[x["subject"]] in MADE_OF_PARTS and (
        x["kind"] not in CLOSED and len(LISTS.get(x["kind"], {split: range(10)})[split]) >= 10)])
    form, answers = {}, set()
    while len(form) < 10:
        name = values.draw(r, SUBJECTS[about["subject"]])
        one = fact(r, values, about, split, subject=name)
        if name in form or one["answer"] in answers:
            continue
        one["say"] = one["chat"] = filled(about["says"][0], one["answer"], name)
        answers.add(one["answer"])
        form[name] = one
    return {"person": f"{split}-{seed}", "split": split, "facts": facts, "hops": hops,
            "revised": revised, "form": list(form.values())}


def pairs(seed, split, count):
    """Statements with questions that ask for them, relation by relation in turn."""
    r = random.Random(f"pairs {split} {seed}")
    values = Values(split)
    mine = [x for x in RELATIONS if x["split"] == split]
    for n in range(count):
        if n % len(mine) == 0:
            r.shuffle(mine)
        relation = mine[n % len(mine)]
        subject = values.draw(r, SUBJECTS[relation["subject"]]) if relation["subject"] else None
        one = fact(r, values, relation, split, subject=subject)
        yield {"relation": one["relation"], "subject": subject, "say": one["say"], "chat": one["chat"],
               "ask": r.choice(one["asks"]), "lead": one["lead"], "answer": one["answer"]}


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
    parser.add_argument("what", choices=["people", "pairs", "relations", "check"])
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the next person's is one more")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--facts", type=int, default=34)
    options = parser.parse_args()
    if options.what == "check":
        return check()
    if options.what == "people":
        rows = (person(options.seed + n, options.split, options.facts) for n in range(options.count))
    elif options.what == "pairs":
        rows = pairs(options.seed, options.split, options.count)
    else:
        rows = (x for x in RELATIONS if x["split"] == options.split)
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
