"""Many people on one machine: how long somebody waits for a first token while others come and go.

    pip install httpx
    python deploy/bench/population.py --hebb .build/release/hebb --core deploy/cores/folio-5m

Teaches --users (10,000) people a sentence of their own, so that each has an engram on disk. Then
--active (1,000) of them come by Zipf's law, in a Poisson stream at --load (half) of what the server
can do, each for a streamed answer of 16 tokens, one visit in five for learning a sentence more.
What it can do is measured first, by eight visitors who come again at once.

Prints the waits until the first token of a lone visitor (the server does nothing else; as often cold
as the stream's are) and of the stream, what failed, the server's resident memory at each stage, and
the bytes a person takes on disk. Leaves with 1 when a request failed or the 99th percentile of
the stream's waits is over the lone visitor's by more than --limit (50) ms.
"""

import argparse
import asyncio
import bisect
import itertools
import json
import pathlib
import random
import shutil
import subprocess
import tempfile
import time

import httpx

WORDS = ("heron reed river bell quorvath dusk valve pump wheel road fork stone town lantern harbour "
         "ledger orchard kettle engine mirror winter copper saddle thistle anchor ribbon meadow").split()


def sentence(random_words):
    return "The {} of the {} keeps a {} by the {}. ".format(*(random_words.choice(WORDS) for _ in range(4)))


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Server:
    def __init__(self, hebb, core, threads, more):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hebb-population-"))
        self.process = subprocess.Popen(
            [hebb, "serve", "--core", core, "--data", str(self.folder / "data"), "--port", "0", "--json",
             "--log-level", "critical", "--threads", str(threads), *more],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the server did not start")
        self.url = json.loads(line)["url"]

    def resident(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024

    def disk(self):
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Visitors:
    """The people, and what they do, each a coroutine; counts what went wrong."""

    def __init__(self, client, seed):
        self.client, self.random = client, random.Random(seed)
        self.failures, self.waits, self.learned = [], [], []

    async def teach(self, user, sentences=1):
        text = f"I am visitor {user}. " + "".join(sentence(self.random) for _ in range(sentences))
        started = time.perf_counter()
        try:
            answer = await self.client.post(f"/v1/sessions/u{user}/default/observe", json={"text": text})
        except httpx.HTTPError as error:
            self.failures.append(repr(error))
            return
        self.learned.append(time.perf_counter() - started)
        if answer.status_code >= 300:
            self.failures.append(f"observe {answer.status_code} {answer.text[:80]}")

    async def ask(self, user):
        body = {"user": f"u{user}", "prompt": sentence(self.random)[:24], "max_tokens": 16, "stream": True,
                "seed": user}
        started, first = time.perf_counter(), None
        try:
            async with self.client.stream("POST", "/v1/completions", json=body) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    self.failures.append(f"completion {answer.status_code} {answer.text[:80]}")
                    return
                async for line in answer.aiter_lines():
                    if first is None and line.startswith("data:"):
                        first = time.perf_counter() - started
        except httpx.HTTPError as error:
            self.failures.append(repr(error))
            return
        if first is None:
            self.failures.append("completion without a token")
        else:
            self.waits.append(first)

    async def visit(self, user):
        await (self.teach(user) if self.random.random() < 0.2 else self.ask(user))


async def crowd(jobs, width):
    """Runs the coroutines that `jobs` makes, `width` at a time."""
    async def worker():
        for job in jobs:
            await job()
    jobs = iter(jobs)
    await asyncio.gather(*(worker() for _ in range(width)))


async def measure(server, options):
    limits = httpx.Limits(max_connections=512, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits, trust_env=False) as client:
        rows = {"resident_start_mb": server.resident()}
        everybody = Visitors(client, 1)
        started = time.perf_counter()
        await crowd(((lambda user=user: everybody.teach(user)) for user in range(options.users)), 8)
        rows["taught"] = len(everybody.learned)
        rows["teach_per_s"] = len(everybody.learned) / (time.perf_counter() - started)
        rows["resident_taught_mb"] = server.resident()
        rows["disk_bytes_a_user"] = server.disk() // options.users

        order = list(range(options.users))
        random.Random(2).shuffle(order)
        shares = list(itertools.accumulate(1 / (rank + 1) for rank in range(options.active)))
        draw = random.Random(3)

        def zipf():
            return order[bisect.bisect(shares, draw.random() * shares[-1])]

        lone = Visitors(client, 4)
        for _ in range(options.lone):
            await lone.ask(zipf())

        full = Visitors(client, 5)
        started = time.perf_counter()
        visits = options.lone * 4
        await crowd(((lambda user=zipf(): full.visit(user)) for _ in range(visits)), 8)
        capacity = visits / (time.perf_counter() - started)
        rows["capacity_visits_per_s"] = capacity

        stream, tasks = Visitors(client, 6), []
        rate, ends = capacity * options.load, time.perf_counter() + options.seconds
        at = time.perf_counter()
        while at < ends:
            at += draw.expovariate(rate)
            await asyncio.sleep(max(0, at - time.perf_counter()))
            tasks.append(asyncio.create_task(stream.visit(zipf())))
        await asyncio.gather(*tasks)
        rows["visits"] = len(tasks)
        rows["resident_end_mb"] = server.resident()
        for name, values in (("lone", lone.waits), ("stream", stream.waits), ("stream_learn", stream.learned)):
            for share in (0.5, 0.9, 0.99):
                rows[f"{name}_p{int(share * 100)}_ms"] = percentile(values, share) * 1000
        rows["over_lone_p99_ms"] = rows["stream_p99_ms"] - rows["lone_p50_ms"]
        rows["failures"] = everybody.failures + lone.failures + full.failures + stream.failures
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hebb", required=True)
    parser.add_argument("--core", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--active", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--load", type=float, default=0.5)
    parser.add_argument("--lone", type=int, default=200)
    parser.add_argument("--limit", type=float, default=50)
    parser.add_argument("serve", nargs="*", help="after --: further arguments of hebb serve")
    options = parser.parse_args()
    server = Server(options.hebb, options.core, options.threads, options.serve)
    try:
        rows = asyncio.run(measure(server, options))
    finally:
        server.stop()
    failures = rows.pop("failures")
    for name, value in rows.items():
        print(f"{name:24} {value:10.1f}" if isinstance(value, float) else f"{name:24} {value:10}")
    print(f"{'failures':24} {len(failures):10}", *sorted(set(failures))[:5])
    return 1 if failures or rows["over_lone_p99_ms"] > options.limit else 0


if __name__ == "__main__":
    raise SystemExit(main())
