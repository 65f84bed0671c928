"""Conversations of invented people: chats with the model, and two people who meet; small talk between.

Used through people.py.
"""
import random
import re

from persons import fact, person
from relations import HERE, MONTHS, Values, of_split

# As SmolLM2's template begins a conversation that has no system message of its own.
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def talk(split):
    """{letter: lines} of one split of talk.txt; lines with an answer are pairs."""
    rows, current = {}, None
    for line in (HERE / "talk.txt").read_text().splitlines():
        if line.startswith("== "):
            current = line[3:]
        elif current == split and line[:2] in ("a ", "g ", "s ", "q ", "d "):
            rows.setdefault(line[0], []).append(
                [p.strip() for p in line[2:].split(" | ")] if line[0] != "a" else line[2:])
    return rows


def day_of(r, n):
    """The date of the n-th session: some days after the one before it."""
    start = 1 + n * 9 + r.randrange(0, 8)
    return f"{start % 28 + 1} {MONTHS[start // 28 % 12]}"


def answered(one, r):
    """An answer that says the fact in a whole sentence."""
    return f"{one['lead']} {one['answer']}." if r.random() < .8 else f"{one['answer']}."


def chat(seed, split, count, sessions):
    """One user's sessions with the model: facts told, corrected and asked for later, between small talk.

    Messages that state a fact have its number in `fact`; what is asked has it in `asks`.
    """
    r = random.Random(f"chat {split} {seed}")
    who, lines = person(seed, split, count), talk(split)
    revised = {x["fact"]: x for x in who["revised"]}
    current = {i: dict(f) for i, f in enumerate(who["facts"])}
    per = -(-count // sessions)
    told, result = [], []
    for n in range(sessions):
        messages = []

        def turn(user, assistant, **more):
            messages.append({"role": "user", "content": user, **more})
            messages.append({"role": "assistant", "content": assistant})

        turn(*r.choice(lines["g"]))
        acts = [("tell", i) for i in range(n * per, min(count, (n + 1) * per))]
        acts += [("ask", i) for i in r.sample(told, min(len(told), 1 + per // 3))]
        acts += [("revise", i) for i in told if i in revised and r.random() < .4]
        acts += [(r.choice("ssq"), None) for _ in range(1 + per // 2)]
        r.shuffle(acts)
        for act, i in acts:
            if act == "tell":
                turn(current[i]["chat"], r.choice(lines["a"]), fact=i)
            elif act == "revise":
                change = revised.pop(i, None)
                if change:
                    current[i]["answer"] = change["answer"]
                    turn(change["say"], r.choice(lines["a"]), fact=i)
            elif act == "ask":
                turn(r.choice(current[i]["asks"]), answered(current[i], r), asks=i)
            else:
                turn(*r.choice(lines[act]))
        told += range(n * per, min(count, (n + 1) * per))
        result.append({"date": day_of(r, n), "messages": messages})
    return {"person": who["person"], "split": split, "facts": who["facts"], "sessions": result}


def dialogue(seed, split, sessions, facts=8):
    """Two people who meet again and again; each tells of themselves, the other asks about it later."""
    r = random.Random(f"dialogue {split} {seed}")
    values, lines = Values(split), talk(split)
    names = [values.person(r), values.person(r)]
    while names[1] == names[0]:
        names[1] = values.person(r)
    own = of_split(split)
    result, told = [], []
    for n in range(sessions):
        turns = []

        def say(who, text):
            turns.append({"speaker": names[who], "content": text})

        first = r.randrange(2)
        say(first, f"Hi {names[1 - first]}, good to see you.")
        say(1 - first, r.choice(["You too! How have you been?", "Hello! It's been a while.",
                                 f"{names[first]}! Come in, sit down."]))
        for _ in range(facts):
            who, act = r.randrange(2), r.random()
            if act < .5 or not told:
                relation = r.choice(own)
                one = fact(r, values, relation, split)
                say(who, one["say"])
                say(1 - who, r.choice(lines["a"]))
                told.append((who, one))
            elif act < .75:
                owner, one = told.pop(r.randrange(len(told)))
                say(owner, "Do you remember? " + r.choice(one["asks"]))
                say(1 - owner, f"Of course. {one['answer']}.")
            else:
                a, b = r.choice(lines["d"])
                say(who, a)
                say(1 - who, b)
        say(first, r.choice(["I have to run. See you!", "Let's do this again soon.", "It's late, take care."]))
        result.append({"date": day_of(r, n), "turns": turns})
    return {"names": names, "split": split, "sessions": result}


def plain(record):
    """A conversation as text, one turn a line, sessions under their dates."""
    parts = []
    for session in record["sessions"]:
        parts.append(session["date"])
        for turn in session.get("turns") or session["messages"]:
            name = turn.get("speaker") or {"user": "User", "assistant": "Assistant"}[turn["role"]]
            parts.append(f"{name}: {turn['content']}")
        parts.append("")
    return "\n".join(parts)


def templated(record):
    """A chat as SmolLM2 reads it: each session through the template (ChatML)."""
    return "\n".join(
        "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in
                [{"role": "system", "content": SYSTEM}] + session["messages"])
        for session in record["sessions"])
