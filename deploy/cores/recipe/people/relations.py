"""The tables beside this file, read and dealt out: what can be an answer, and the relations.

Used by people.py, whose head says how the tables are written.
"""
import random
import re
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


def of_split(split, about=None):
    return [x for x in RELATIONS if x["split"] == split and x["subject"] == about]
