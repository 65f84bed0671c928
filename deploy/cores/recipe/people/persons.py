"""Invented persons, and pairs of statement and question, from the tables of relations."""
import random
import re

from relations import (CLOSED, FRAMES, LISTS, MADE_OF_PARTS, RELATIONS, REVISIONS, SUBJECTS, Values,
                       filled, of_split)


def fact(r, values, relation, split, answer=None, subject=None):
    """One fact with all its wordings; `say` is the one in which it is told, `chat` the same as a turn."""
    answer = answer or values.draw(r, relation["kind"])
    says = [filled(s, answer, subject) for s in relation["says"]]
    r.shuffle(says)
    return {"relation": relation["id"], "kind": relation["kind"], "subject": subject, "answer": answer,
            "say": says[0], "says": says, "chat": r.choice(FRAMES[split]).replace("{}", says[0]),
            "asks": [filled(q, answer, subject) for q in relation["asks"]],
            "lead": filled(relation["lead"], "", subject)}


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
