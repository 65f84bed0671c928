#!/usr/bin/env python3
"""Hebb and llama.cpp on the same GGUF file, in turn, on this machine.

    pip install llama-cpp-python numpy
    swift build -c release
    deploy/bench/against-llama-cpp.py MODEL.gguf --threads 1 --pairs 5

Each pair runs one after the other, in alternating order, so that what else the machine does meets
both. It prints the median of each, the median ratio of the pairs, and how many bytes a second one
thread streams from memory, which is what decoding can reach at most.

  prefill   512 tokens at once
  decode    96 tokens, one after the other, after 32
  decode16  the same for 16 contexts in one batch (--batch), tokens a second of all together
"""

import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import time

import numpy

TEXT = " ".join(
    f"In the {n}th year the keeper wrote down the weather, the ships and the price of oil."
    for n in range(1, 80))


def streaming_gigabytes(repeats=5):
    """A second, of one thread that sums 256 MB: the best of a few."""
    data = numpy.ones(64 << 20, dtype=numpy.float32)
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        data.sum()
        best = max(best, data.nbytes / (time.perf_counter() - start) / 1e9)
    return best


class LlamaCpp:
    """Through its C API, without the bindings' work on logits."""

    def __init__(self, model, threads, sequences):
        import llama_cpp
        self.api = llama_cpp
        quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(
            lambda *_: None)
        self.quiet = quiet
        llama_cpp.llama_log_set(quiet, None)
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(
            str(model).encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp cannot read {model}")
        options = llama_cpp.llama_context_default_params()
        options.n_ctx, options.n_batch, options.n_ubatch = 1024 * max(1, sequences), 512, 512
        options.n_threads = options.n_threads_batch = threads
        options.n_seq_max = max(1, sequences)
        self.context = llama_cpp.llama_init_from_model(self.model, options)
        self.batch = llama_cpp.llama_batch_init(512, 0, max(1, sequences))
        buffer = (llama_cpp.llama_token * 4096)()
        text = TEXT.encode()
        count = llama_cpp.llama_tokenize(
            llama_cpp.llama_model_get_vocab(self.model), text, len(text), buffer, 4096, True, False)
        self.tokens = list(buffer[:min(count, 512)])
        self.sequences = sequences

    def clear(self):
        self.api.llama_memory_clear(self.api.llama_get_memory(self.context), True)

    def decode(self, rows):
        """rows: (token, position, sequence, whether its logits are wanted)."""
        for place, (token, position, sequence, wanted) in enumerate(rows):
            self.batch.token[place], self.batch.pos[place] = token, position
            self.batch.n_seq_id[place] = 1
            self.batch.seq_id[place][0] = sequence
            self.batch.logits[place] = wanted
        self.batch.n_tokens = len(rows)
        if self.api.llama_decode(self.context, self.batch) != 0:
            raise SystemExit("llama_decode failed")

    def prefill(self):
        self.clear()
        start = time.perf_counter()
        last = len(self.tokens) - 1
        self.decode([(t, p, 0, p == last) for p, t in enumerate(self.tokens)])
        return len(self.tokens) / (time.perf_counter() - start)

    def generate(self, sequences=1, before=32, count=96):
        self.clear()
        for sequence in range(sequences):
            self.decode([(t, p, sequence, p == before - 1)
                         for p, t in enumerate(self.tokens[:before])])
        start = time.perf_counter()
        for step in range(count):
            token = self.tokens[(before + step) % len(self.tokens)]
            self.decode([(token, before + step, s, True) for s in range(sequences)])
        return sequences * count / (time.perf_counter() - start)

    def figures(self):
        figures = {"prefill": self.prefill(), "decode": self.generate()}
        if self.sequences > 1:
            figures[f"decode{self.sequences}"] = self.generate(self.sequences)
        return figures


def hebb_figures(hebb, model, threads, sequences):
    command = [hebb, "bench", "--core", str(model), "--json", "--repeats", "1",
               "--decode-tokens", "96"]
    if threads > 1:
        command += ["--threads", str(threads)]
    if sequences > 1:
        command += ["--users", str(sequences)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)
    return json.loads(answer.stdout)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("model", type=pathlib.Path, help="a GGUF file")
    parser.add_argument("--hebb", default=str(root / ".build/release/hebb"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=0, help="contexts that decode side by side")
    options = parser.parse_args()

    rival = LlamaCpp(options.model, options.threads, options.batch)
    names = {"prefill": "prefill", "decode": "decode_frozen"}
    if options.batch > 1:
        names[f"decode{options.batch}"] = "decode_batch"
    others = ["decode_adapted", "score", "learn"]
    if options.batch > 1:
        others.append("decode_batch_adapted")
    mine, theirs = [], []
    for pair in range(options.pairs):
        runs = [lambda: mine.append(hebb_figures(
                    options.hebb, options.model, options.threads, options.batch)),
                lambda: theirs.append(rival.figures())]
        for run in runs if pair % 2 == 0 else reversed(runs):
            run()
    size = options.model.stat().st_size / 1e9
    bandwidth = streaming_gigabytes()
    print(f"{options.model.name}, {size * 1000:.0f} MB, {options.threads} thread(s), "
          f"{options.pairs} pairs, kernels {mine[0]['kernel_class']}; one thread streams "
          f"{bandwidth:.1f} GB/s: at most {bandwidth / size:.0f} tokens/s decode")
    print("| work | llama.cpp | Hebb | Hebb / llama.cpp |\n|---|---|---|---|")
    for name, key in names.items():
        ours = [run[key] for run in mine]
        rivals = [run[name] for run in theirs]
        ratio = statistics.median(a / b for a, b in zip(ours, rivals))
        print(f"| {name} | {statistics.median(rivals):.1f} | {statistics.median(ours):.1f} "
              f"| {ratio:.2f} |")
    for key in others:
        print(f"| {key} | | {statistics.median(run[key] for run in mine):.1f} | |")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
