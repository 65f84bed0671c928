#!/usr/bin/env python3
"""Teaches the recalled stream to use what it reads: reader.py MODEL_DIR OUT.pt SECONDS [START.pt]

Low-rank changes of the attention of the blocks from 10 on, by backprop, once and for all users. A
scene is three to six sayings of an invented person of the train split in the order in which they
were told, among them corrections, sayings that meet in a name and ten of one form; several
questions, each with its answer, branch off behind them in one pass. The loss is the answer's, and a
little that of how it is begun and ended.
"""
import math
import os
import random
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "people"))
from persons import person  # noqa: E402
from relations import FRAMES  # noqa: E402

FIRST_BLOCK, RANK, RATE = 10, 8, 2e-3
SYSTEMS = ["<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
           "<|im_end|>\n"] * 3 + ["<|im_start|>system\nYou are a helpful AI assistant.<|im_end|>\n", ""]


class Changed(torch.nn.Module):
    """A projection with twice a low-rank product beside it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.a = torch.nn.Parameter(torch.randn(RANK, layer.in_features) / layer.in_features ** .5)
        self.b = torch.nn.Parameter(torch.zeros(layer.out_features, RANK))

    def forward(self, x):
        return self.layer(x) + ((x @ self.a.T.to(x.dtype)) @ self.b.T.to(x.dtype)) * 2


def asked(r, fact):
    return r.choice(fact["asks"]), fact["lead"], fact["answer"]


def scene(r, n, split="train"):
    """Sayings in the order of telling, and (question, lead, answer) of some."""
    p = person(r.randrange(10 ** 6), split, 30)
    facts, kind = p["facts"], r.random()

    def say(fact):
        return r.choice(fact["says"])

    if kind < .2:
        chosen = r.sample(p["form"], n)
        says = [f["says"][0] if r.random() < .5 else f["say"] for f in chosen]
        return says, [asked(r, f) for f in r.sample(chosen, min(3, n))]
    if kind < .38 and p["hops"]:
        hop = r.choice(p["hops"])
        pair = [facts[i] for i in hop["facts"]]
        rest = r.sample([f for f in facts if f not in pair], n - 2)
        chosen = pair + rest
        r.shuffle(chosen)
        both = [(r.choice(hop["asks"]), hop["lead"], hop["answer"]) for _ in range(2)]
        return [say(f) for f in chosen], both + [asked(r, pair[1]), asked(r, r.choice(rest))]
    if kind < .58 and p["revised"]:
        revised = r.choice(p["revised"])
        old = facts[revised["fact"]]
        rest = r.sample([f for f in facts if f is not old], n - 2)
        chosen = rest + [old]
        r.shuffle(chosen)
        says = [say(f) for f in chosen]
        says.insert(r.randrange(chosen.index(old) + 1, n), revised["say"])
        twice = [(r.choice(old["asks"]), old["lead"], revised["answer"]) for _ in range(2)]
        return says, twice + [asked(r, r.choice(rest))]
    fact = r.choice(facts)
    # What is found together is alike.
    like = [f for f in facts if f["kind"] == fact["kind"] and f is not fact] if r.random() < .5 else []
    rest = r.sample(like, min(len(like), n - 1))
    rest += r.sample([f for f in facts if f is not fact and f not in rest], n - 1 - len(rest))
    chosen = rest + [fact]
    r.shuffle(chosen)
    says = [say(f) for f in chosen]
    if r.random() < .25:
        frames = [f.replace("{}", "").strip() for f in FRAMES[split] if f != "{}"]
        says.insert(r.randrange(n + 1), r.choice(frames))
    return says, [asked(r, fact)] + [asked(r, f) for f in r.sample(rest, min(3, len(rest)))]


class Trainer:
    def __init__(self, folder):
        self.tok = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.bfloat16, attn_implementation="sdpa").eval()
        self.model.requires_grad_(False)
        self.changed = {}
        for i, block in enumerate(self.model.model.layers):
            for name in "qkvo" if i >= FIRST_BLOCK else "":
                layer = Changed(getattr(block.self_attn, name + "_proj"))
                setattr(block.self_attn, name + "_proj", layer)
                self.changed[f"{i}.{name}"] = layer
        self.parameters = [p for x in self.changed.values() for p in (x.a, x.b)]

    def ids(self, text):
        return self.tok(text, add_special_tokens=False)["input_ids"]

    def state(self):
        return {k: (x.a.detach().clone(), x.b.detach().clone()) for k, x in self.changed.items()}

    def load(self, path):
        for k, (a, b) in torch.load(path).items():
            self.changed[k].a.data.copy_(a)
            self.changed[k].b.data.copy_(b)

    def loss(self, r):
        says, questions = scene(r, r.choice([3, 4, 5, 5]))
        x = self.ids(r.choice(SYSTEMS) + "<|im_start|>user\n")
        for s in says:
            x = x + self.ids(s) + self.ids("\n")
        end = self.ids("<|im_end|>")
        shared, place, owner, targets, weights = len(x), list(range(len(x))), [-1] * len(x), [], []
        for b, (ask, lead, answer) in enumerate(questions):
            prompt = self.ids(ask) + self.ids("<|im_end|>\n<|im_start|>assistant\n")
            begun = self.ids(lead)
            rest = self.ids(lead + " " + answer)[len(begun):] + self.ids(".") + end
            branch, start = prompt + begun + rest, len(x)
            x += branch
            place += [shared + k for k in range(len(branch))]
            owner += [b] * len(branch)
            for k in range(len(prompt), len(branch)):
                targets.append((start + k - 1, branch[k]))
                weights.append(.15 if k < len(prompt) + len(begun) else 1.)
            weights[-len(end):] = [.3] * len(end)
        owner, i = torch.tensor(owner), torch.arange(len(x))
        sees = (i[:, None] >= i[None]) & ((owner[None] == -1) | (owner[None] == owner[:, None]))
        mask = torch.zeros(1, 1, len(x), len(x), dtype=torch.bfloat16)
        mask = mask.masked_fill(~sees, torch.finfo(torch.bfloat16).min)
        hidden = self.model.model(
            torch.tensor([x]), attention_mask=mask, position_ids=torch.tensor([place]),
            use_cache=False).last_hidden_state[0, [t for t, _ in targets]]
        losses = torch.nn.functional.cross_entropy(
            self.model.lm_head(hidden).float(), torch.tensor([y for _, y in targets]), reduction="none")
        weights = torch.tensor(weights)
        return (losses * weights).sum() / weights.sum()

    def train(self, out, seconds, r):
        optimizer = torch.optim.AdamW(self.parameters, lr=RATE, weight_decay=0., betas=(.9, .98))
        start, step, mean = time.time(), 0, None
        while time.time() - start < seconds:
            done = (time.time() - start) / seconds
            for g in optimizer.param_groups:
                g["lr"] = RATE * min(1, (step + 1) / 20) * (.1 + .45 * (1 + math.cos(math.pi * done)))
            for _ in range(2):
                loss = self.loss(r)
                (loss / 2).backward()
                mean = loss.item() if mean is None else .95 * mean + .05 * loss.item()
            torch.nn.utils.clip_grad_norm_(self.parameters, 1.)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            if step % 10 == 0:
                print(step, f"{time.time() - start:.0f} s, loss {mean:.3f}", flush=True)
            if step % 50 == 0:
                torch.save(self.state(), out)
        torch.save(self.state(), out)


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    trainer = Trainer(sys.argv[1])
    if len(sys.argv) > 4:
        trainer.load(sys.argv[4])
    trainer.train(sys.argv[2], float(sys.argv[3]), random.Random(5))
