#!/usr/bin/env python3
"""Learns which saying a question asks for: finder.py TRAIN.pt TUNE.pt OUT.pt [SECONDS]

Late interaction of linear maps of frozen states, of 34 sayings at a time the right one against all
others and against having been told nothing; begins with whitening and is held near it. Keeps the
weights that are best on the tune split's relations.
"""
import math
import random
import sys
import time
from collections import Counter

import torch

KEY = 128
VOCABULARY = 49152


def features(h, blocks):
    x = h.float().view(h.shape[0], blocks, -1)
    return (x / x.norm(dim=-1, keepdim=True).clamp_min(1e-6)).flatten(1)


def whitening(x):
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((x - mean).T))
    values, vectors = values.flip(0)[:KEY], vectors.flip(1)[:, :KEY]
    return mean, (vectors / values.sqrt().clamp_min(1e-6)).T.contiguous()


class Finder(torch.nn.Module):
    def __init__(self, mean, start):
        super().__init__()
        parameter = torch.nn.Parameter
        self.mu = parameter(mean, requires_grad=False)
        self.W0 = parameter(start.clone(), requires_grad=False)
        self.Wq, self.Ws = parameter(start.clone()), parameter(start.clone())
        self.wv, self.wb = parameter(torch.zeros(len(mean))), parameter(torch.zeros(1))
        self.logt, self.null = parameter(torch.tensor(3.)), parameter(torch.tensor(.5))

    def asked(self, x):
        return torch.nn.functional.normalize((x - self.mu) @ self.Wq.T, dim=-1)

    def said(self, x):
        return torch.nn.functional.normalize((x - self.mu) @ self.Ws.T, dim=-1)

    def weight(self, x, rarity):
        return torch.exp((x - self.mu) @ self.wv * 30 + self.wb) * rarity

    def likeness(self, questions, sayings):
        """[questions, sayings]: each question token's best match, weighted."""
        keys = torch.nn.utils.rnn.pad_sequence([self.said(s["x"]) for s in sayings], batch_first=True)
        there = torch.nn.utils.rnn.pad_sequence(
            [torch.ones(len(s["x"]), dtype=torch.bool) for s in sayings], batch_first=True)
        rows = []
        for q in questions:
            best = torch.einsum("tk,suk->tsu", self.asked(q["x"]), keys)
            best = best.masked_fill(~there[None], -1).amax(-1)
            w = self.weight(q["x"], q["r"])
            rows.append((best * w[:, None]).sum(0) / w.sum())
        return torch.stack(rows)


def prepared(path, rarity):
    data = torch.load(path, weights_only=False)
    said, asked = {}, {}
    for e in data["E"]:
        e["x"], e["r"] = features(e.pop("h"), len(data["lay"])), rarity[torch.tensor(e["tok"])]
        (said if e["what"] == "s" else asked).setdefault(e["key"], []).append(e)
    return data["E"], said, asked


def drawn(data, r, n):
    """Sayings and questions of n relations; of somebody's the same one's, and at times another's too."""
    all_entries, said, asked = data
    sayings, questions = [], []
    for key in r.sample([k for k in said if k in asked], min(n, len(asked))):
        q = r.choice(asked[key])
        s = all_entries[q["of"]] if "of" in q else r.choice(said[key])
        sayings.append(s)
        questions.append(q)
        others = [x for x in said[key] if x["subject"] != s["subject"]]
        if "of" in q and others and r.random() < .4:
            sayings.append(r.choice(others))
    if "-frame" in said:
        sayings += r.sample(said["-frame"], 3)
    right = torch.tensor([[s["key"] == q["key"] and ("of" not in q or s["subject"] == q["subject"])
                           for s in sayings] for q in questions])
    return sayings, questions, right


@torch.no_grad()
def found(finder, data):
    """How often the right saying is first, among three, among five."""
    r, hits, count = random.Random(4), [0, 0, 0], 0
    for _ in range(12):
        sayings, questions, right = drawn(data, r, 34)
        order = finder.likeness(questions, sayings).argsort(1, descending=True)
        for i in range(len(questions)):
            place = right[i][order[i]].int().argmax().item()
            hits = [h + (place < n) for h, n in zip(hits, (1, 3, 5))]
            count += 1
    return [h / count for h in hits]


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    raw = torch.load(sys.argv[1], weights_only=False)
    counts = Counter(t for e in raw["E"] for t in set(e["tok"]))
    rarity = torch.tensor([math.log((len(raw["E"]) + 1) / (counts.get(i, 0) + .5))
                           for i in range(VOCABULARY)]) ** 2 / 40
    train, tune = prepared(sys.argv[1], rarity), prepared(sys.argv[2], rarity)
    finder = Finder(*whitening(torch.cat([e["x"] for e in train[0]])))
    print("whitened alone:", found(finder, tune), flush=True)
    deviation = finder.W0.std().item()
    optimizer = torch.optim.AdamW(
        [{"params": [finder.Wq, finder.Ws], "lr": .03 * deviation},
         {"params": [finder.wv, finder.wb], "lr": 1e-3},
         {"params": [finder.logt, finder.null], "lr": 1e-2}], weight_decay=0)
    rates = [g["lr"] for g in optimizer.param_groups]
    r, start, step, best = random.Random(0), time.time(), 0, 0
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 150
    while time.time() - start < seconds:
        done = (time.time() - start) / seconds
        for g, rate in zip(optimizer.param_groups, rates):
            g["lr"] = rate * (.05 + .95 * .5 * (1 + math.cos(math.pi * done))) * min(1, (step + 1) / 20)
        sayings, questions, right = drawn(train, r, 40)
        t = finder.logt.exp()
        all_logits = finder.likeness(questions, sayings) * t
        nothing = (finder.null * t).expand(len(questions), 1)
        logits = torch.cat([all_logits, nothing], 1)
        loss = (logits.logsumexp(1) - all_logits.masked_fill(~right, -1e9).logsumexp(1)).mean()
        # Were the right one not told, nothing is what is found.
        without = torch.cat([all_logits.masked_fill(right, -1e9), nothing], 1)
        loss = loss + .5 * (without.logsumexp(1) - without[:, -1]).mean()
        drift = sum(((w - finder.W0) ** 2).mean() for w in (finder.Wq, finder.Ws)) / deviation ** 2
        (loss + .2 * drift).backward()
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        if step % 30 == 0:
            hits = found(finder, tune)
            print(step, f"loss {loss.item():.3f}", "found", [round(h, 3) for h in hits], flush=True)
            if sum(hits) > best:
                best = sum(hits)
                torch.save({"f": finder.state_dict(), "rar": rarity, "lay": raw["lay"]}, sys.argv[3])


if __name__ == "__main__":
    main()
