"""Trains the core: warm-up, a constant rate, then a linear decay to zero (WSD).

    python train.py DATA                              the published schedule, in fixed steps
    python train.py DATA --finish-by 1767225600       as many steps as fit until then (epoch s)

Resumes from DATA/checkpoint.pt. `touch DATA/decay-now` starts the decay at once. The stable
phase reads contexts of 512 tokens, the decay contexts of 1,024: the same blocks, so the
order of the data does not depend on where the decay begins.
"""
import argparse
import os
import signal
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: see Run.workers

import numpy
import torch
from tokenizers import Tokenizer

from export import export
from measure import bits_per_byte, held_out_texts
from model import Llama, Shape
from muon import Muon

STABLE_STEPS, DECAY_STEPS = 809, 483
WARM_UP_STEPS = 60
DECAY_SHARE = 0.3
BLOCK, BLOCKS_PER_STEP, BLOCKS_PER_PASS = 1024, 8, 4
WORKERS = 2
TOKENS_PER_STEP = BLOCK * BLOCKS_PER_STEP
MUON_RATE, EMBEDDING_RATE, NORM_RATE = 0.02, 1.5e-2, 2e-3
MAX_STEPS = 20_000
SEED = 20


def block_order(count: int, needed: int) -> numpy.ndarray:
    """Indices of blocks, every epoch shuffled anew; no block repeats within an epoch."""
    epochs = -(-needed // count)
    random = numpy.random.default_rng(SEED)
    return numpy.concatenate([random.permutation(count) for _ in range(epochs)])


class Run:
    def __init__(self, data: Path):
        self.data = data
        torch.manual_seed(SEED)
        self.model = Llama(Shape())
        self.tokens = numpy.memmap(data / "tokens/train.bin", dtype=numpy.uint16, mode="r")
        self.order = block_order((len(self.tokens) - 1) // BLOCK, MAX_STEPS * BLOCKS_PER_STEP)
        self.tokenizer = Tokenizer.from_file(str(data / "tokens/tokenizer.json"))
        self.sample = held_out_texts(data, 150_000)
        hidden = [w for n, w in self.model.named_parameters() if w.dim() == 2 and "embed" not in n]
        norms = [w for w in self.model.parameters() if w.dim() == 1]
        groups = [{"params": hidden, "full": MUON_RATE},
                  {"params": [self.model.model.embed_tokens.weight], "full": EMBEDDING_RATE},
                  {"params": norms, "full": NORM_RATE}]
        self.muon = Muon(groups[:1], MUON_RATE)
        self.adam = torch.optim.AdamW(groups[1:], betas=(0.9, 0.95), weight_decay=0.0)
        self.step, self.seconds, self.decay = 0, 0.0, None  # decay: (first step, steps)
        self.rate, self.ready_for = 0.0, None
        self.compiled = torch.compile(self.model.loss, dynamic=False)
        # One single-threaded worker a core, each on its own pass of the batch. They wait for
        # each other once a step, not once an operation: with other work on the machine that
        # was three times as fast as operations on two threads.
        self.workers = ThreadPoolExecutor(WORKERS)
        self.path = data / "checkpoint.pt"
        if self.path.exists():
            state = torch.load(self.path)
            self.model.load_state_dict(state["model"])
            self.muon.load_state_dict(state["muon"])
            self.adam.load_state_dict(state["adam"])
            self.step, self.seconds, self.decay = state["step"], state["seconds"], state["decay"]
            self.rate = state["rate"]

    def save(self):
        new = self.path.with_suffix(".new")
        torch.save({"model": self.model.state_dict(), "muon": self.muon.state_dict(),
                    "adam": self.adam.state_dict(), "step": self.step,
                    "seconds": self.seconds, "decay": self.decay, "rate": self.rate}, new)
        os.replace(new, self.path)

    def advance_rate(self):
        """Warms up, stays at 1, then falls so that a straight line would end at the last step."""
        if self.decay:
            left = sum(self.decay) - self.step
            self.rate -= self.rate / (left + 0.5)
        else:
            self.rate = min(1.0, (self.step + 1) / WARM_UP_STEPS)

    def batches(self):
        """(rows, context) inputs and targets, one pair a pass."""
        first = self.step * BLOCKS_PER_STEP
        for start in range(first, first + BLOCKS_PER_STEP, BLOCKS_PER_PASS):
            blocks = [self.tokens[b * BLOCK:(b + 1) * BLOCK + 1].astype(numpy.int64)
                      for b in self.order[start:start + BLOCKS_PER_PASS]]
            batch = torch.from_numpy(numpy.stack(blocks))
            context = 1024 if self.decay else 512
            yield batch[:, :-1].reshape(-1, context), batch[:, 1:].reshape(-1, context)

    def gradients(self, batch):
        """The loss of one pass and the gradients of all weights."""
        loss = self.compiled(*batch)
        return loss.item(), torch.autograd.grad(loss, list(self.model.parameters()))

    def train_step(self) -> float:
        self.advance_rate()
        for optimizer in (self.muon, self.adam):
            for group in optimizer.param_groups:
                group["lr"] = group["full"] * self.rate
        passes = list(self.batches())
        if (context := passes[0][0].shape[1]) != self.ready_for:
            self.gradients(passes[0])  # compiles, which only one thread may do
            self.ready_for = context
        results = list(self.workers.map(self.gradients, passes))
        for weight, *parts in zip(self.model.parameters(), *(g for _, g in results)):
            weight.grad = sum(parts) / len(parts)
        self.muon.step(self.workers)
        self.adam.step()
        total = sum(loss for loss, _ in results) / len(results)
        self.step += 1
        return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--finish-by", type=float, help="epoch seconds; else the fixed schedule")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run = Run(options.data)
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    begun = time.time()
    print(f"{sum(w.numel() for w in run.model.parameters()):,} parameters, {len(run.tokens):,} "
          f"tokens, from step {run.step}", flush=True)
    # The first preview comes after two minutes, then one every 15 minutes.
    last = {"log": begun, "measure": begun, "save": begun, "preview": begun - 780}
    losses, clock = [], deque([(begun, run.step)], maxlen=12)

    def due(what: str, seconds: float) -> bool:
        if time.time() - last[what] < seconds:
            return False
        last[what] = time.time()
        return True

    while not (run.decay and run.step >= sum(run.decay)):
        plan_decay(run, options.finish_by, clock)
        started = time.time()
        losses.append(run.train_step())
        run.seconds += time.time() - started
        if stopping:
            run.save()
            raise SystemExit(f"stopped and saved at step {run.step}")
        if due("log", 30):
            clock.append((time.time(), run.step))
            (t0, s0), (t1, s1) = clock[-2], clock[-1]
            print(f"step {run.step} loss {numpy.mean(losses):.4f} rate {run.rate:.3f} "
                  f"{(s1 - s0) * TOKENS_PER_STEP / (t1 - t0):.0f} tokens/s "
                  f"{run.seconds / 60:.1f} min decay {run.decay}", flush=True)
            losses = []
        if due("measure", 300):
            figure = bits_per_byte(run.model, run.tokenizer, run.sample, 1024 if run.decay else 512)
            print(f"step {run.step} tokens {run.step * TOKENS_PER_STEP:,} "
                  f"held-out {figure:.4f} bits/byte", flush=True)
        if due("save", 300):
            run.save()
        if due("preview", 900):
            export(run.model, options.data / "tokens", options.data / "preview")
    run.save()
    export(run.model, options.data / "tokens", options.data / "final")
    print(f"done: {run.step} steps, decay {run.decay}, {run.seconds / 60:.1f} min", flush=True)


def plan_decay(run: Run, finish_by: float | None, clock: deque) -> None:
    """Sets the first step and the number of steps of the decay once the stable phase is over.

    With `finish_by` the number follows the speed of the last minutes: on a machine with other
    work it is not known beforehand.
    """
    asked = (run.data / "decay-now").exists()
    if finish_by is None:
        if not run.decay and (asked or run.step >= STABLE_STEPS):
            run.decay = (run.step, DECAY_STEPS)
        return
    left = finish_by - time.time()
    over = asked or run.seconds > (1 - DECAY_SHARE) * (run.seconds + left)
    (t0, s0), (t1, s1) = clock[0], clock[-1]
    if (run.decay or over) and s1 > s0:
        first = run.decay[0] if run.decay else run.step
        remaining = max(0, int(left * (s1 - s0) / (t1 - t0)))
        run.decay = (first, run.step - first + remaining)


if __name__ == "__main__":
    main()
