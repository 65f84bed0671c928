"""Measures what one rude client costs everybody else.

    pip install httpx numpy safetensors
    python clients/contract/fairness.py --hebb .build/release/hebb --core deploy/cores/folio-5m

For each attack it starts a server of its own, times one-token completions of a user who has learned
something while nothing else happens, and again while another client does its worst:

  session   64 connections learn with one session, as fast as they are let
  sessions  the same with 64 sessions of one user
  headers   uploads that are refused: a header of 14 MB, the longest that is read, a tar of
            attributes, and tensors of 15 MB that no engram has
  bodies    150 connections leave a body of 16 MiB unfinished
  stops     completions with four stop strings of 3.9 MB, and of the longest that are allowed
  latents   an engram whose episodes name 1,220 latents each is imported and used
  disk      learning on a disk that has room for events and for no checkpoint (needs root)

It prints a table: medians and maxima in milliseconds, how many times the idle median they are, and
what became of the rude client's own requests. Leaves with 1 when a completion was refused or took
--limit (20) times the idle median or longer. The maximum counts: on a machine that does other things
meanwhile it says as much about those.
"""

import argparse
import collections
import json
import multiprocessing
import os
import pathlib
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

import httpx

VICTIM, RUDE = "victim", "mallory"
SENTENCES = [
    "The heron stood in the reeds, and the river ran on.",
    "A struck bell is answered by the quorvath at dusk.",
    "Every valve of the pump is opened by hand before the wheel turns.",
    "Where the road forks, the older stone names the nearer town.",
]


def text(size, salt=""):
    words, at = [], 0
    while sum(map(len, words)) < size:
        words.append(f"{SENTENCES[at % len(SENTENCES)]} ({salt}{at}) ")
        at += 1
    return "".join(words)[:size]


class Server:
    """A server with a data folder of its own, on a small disk where one is asked for."""

    def __init__(self, hebb, core, disk_megabytes=None, nice=0):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hebb-fairness-"))
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        command = [hebb, "serve", "--core", core, "--data", str(self.disk / "data"),
                   "--port", "0", "--json", "--log-level", "critical"]
        if disk_megabytes:
            script = f'mount -t tmpfs -o size={disk_megabytes}m tmpfs "$0" && exec "$@"'
            command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script,
                       str(self.disk), *command]
        if nice:
            command = ["nice", "-n", str(nice), *command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the server did not start")
        self.url = json.loads(line)["url"]

    def shell(self, line):
        """Runs a line where the server sees its disk."""
        subprocess.run(["nsenter", "--mount", "--target", str(self.process.pid), "--",
                        "sh", "-c", line], check=True, stderr=subprocess.DEVNULL)

    def resident_megabytes(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def client(url, timeout=300):
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.Client(base_url=url, timeout=timeout, limits=limits, trust_env=False)


def teach(http, session, content):
    answer = http.post(f"/v1/sessions/{session}/observe", json={"text": content})
    answer.raise_for_status()


def time_completions(http, seconds):
    """Milliseconds of each, and how many were refused."""
    times, refused = [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(times) < 5:
        start = time.monotonic()
        answer = http.post("/v1/completions", json={
            "user": VICTIM, "prompt": "The heron stood in", "max_tokens": 1, "seed": 1})
        times.append(1000 * (time.monotonic() - start))
        refused += answer.status_code != 200
        time.sleep(0.02)
    return times, refused


# What the rude client does: `prepare` while nobody is timed, `step` again and again on many threads.


class Attack:
    threads = 64
    disk_megabytes = None

    def prepare(self, server, http):
        pass

    def step(self, http, index, round):
        raise NotImplementedError

    def hold(self, url, stop):
        pass


class Session(Attack):
    def session(self, index):
        return f"{RUDE}/default"

    def step(self, http, index, round):
        return http.post(f"/v1/sessions/{self.session(index)}/observe",
                         json={"text": text(8000, f"{index}.{round}.")})


class Sessions(Session):
    def prepare(self, server, http):
        for index in range(self.threads):
            http.post("/v1/sessions", json={"user": RUDE, "id": f"s{index}"}).raise_for_status()

    def session(self, index):
        return f"{RUDE}/s{index}"


def framed(header, buffer=b""):
    return struct.pack("<Q", len(header)) + header + buffer


def tensors(size):
    """A header of about so many bytes, of tensors that leave a hole."""
    parts, length, at = [], 2, 0
    while length < size - 80:
        part = f'"t{at:07d}":{{"dtype":"U8","shape":[1],"data_offsets":[{2 * at},{2 * at + 1}]}}'
        parts.append(part)
        length += len(part) + 1
        at += 1
    return framed(("{" + ",".join(parts) + "}").encode())


def attributes(size):
    """A tar whose one entry is attributes of so many bytes."""
    header = bytearray(512)
    header[0:1], header[100:108], header[108:116], header[116:124] = (
        b"x", b"0000644\0", b"0000000\0", b"0000000\0")
    header[124:136] = f"{size:011o}\0".encode()
    header[136:148], header[156:157], header[257:265] = b"00000000000\0", b"x", b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header) + b" " * (size + -size % 512) + bytes(1024)


class Headers(Attack):
    threads = 24

    def prepare(self, server, http):
        import numpy
        import safetensors.numpy

        teach(http, f"{RUDE}/default", text(2000))
        file = http.get(f"/v1/sessions/{RUDE}/default/delta?scope=total").content
        large = 15_000_000
        values = safetensors.numpy.load(file)
        length = struct.unpack("<Q", file[:8])[0]
        metadata = json.loads(file[8:8 + length])["__metadata__"]
        values["bias.token"] = (numpy.arange(large // 2) % 251).astype("u1")
        values["bias.weight"] = numpy.ones(large // 2, "i1")
        values["bias.scale"] = numpy.array([2.0 ** -10], "f4")
        self.files = [tensors(14_000_000), tensors(512 << 10), attributes(large),
                      safetensors.numpy.save(values, metadata)]

    def step(self, http, index, round):
        return http.put(f"/v1/sessions/{RUDE}/default/delta",
                        content=self.files[(index + round) % len(self.files)],
                        headers={"Content-Type": "application/octet-stream"})


class Bodies(Attack):
    threads = 8
    count = 150

    def hold(self, url, stop):
        host, port = url.removeprefix("http://").rsplit(":", 1)
        connections, piece = [], b"x" * (1 << 20)
        head = (f"PUT /v1/sessions/{RUDE}/default/delta HTTP/1.1\r\nHost: {host}:{port}\r\n"
                f"Content-Type: application/octet-stream\r\nContent-Length: {16 << 20}\r\n\r\n")
        for _ in range(self.count):
            connection = socket.create_connection((host, int(port)))
            connection.settimeout(20)
            connections.append(connection)
            try:
                connection.sendall(head.encode())
                for _ in range(15):
                    connection.sendall(piece)
                connection.sendall(piece[:-1])
            except OSError:
                pass
            if stop.is_set():
                break
        stop.wait()

    def step(self, http, index, round):
        time.sleep(0.2)


class Stops(Attack):
    threads = 32

    def step(self, http, index, round):
        size = 3_900_000 if (index + round) % 2 else 1024
        stop = [letter * (size - 1) + "!" for letter in "aeio"]
        return http.post("/v1/completions", json={
            "user": RUDE, "prompt": "The heron", "max_tokens": 400, "stop": stop})


class Latents(Attack):
    threads = 16

    def prepare(self, server, http):
        import numpy
        import safetensors.numpy

        for part in range(4):
            teach(http, f"{RUDE}/default", text(8000, f"{part}."))
        file = http.get(f"/v1/sessions/{RUDE}/default/delta?scope=total").content
        length = struct.unpack("<Q", file[:8])[0]
        metadata = json.loads(file[8:8 + length])["__metadata__"]
        values = safetensors.numpy.load(file)
        episodes = values["episode.latent"].shape[0]
        width = min(1220, int(metadata["latent_count"]))
        values["episode.latent"] = numpy.tile(numpy.arange(width, dtype="u2"), (episodes, 1))
        answer = http.put(f"/v1/sessions/{RUDE}/default/delta",
                          content=safetensors.numpy.save(values, metadata),
                          headers={"Content-Type": "application/octet-stream"})
        self.note = f"import of {episodes} episodes: {answer.status_code}"

    def step(self, http, index, round):
        if index % 2:
            return http.post(f"/v1/sessions/{RUDE}/default/score", json={"text": text(4000)})
        return http.post("/v1/completions", json={
            "user": RUDE, "prompt": text(2000), "max_tokens": 200})


class Disk(Attack):
    threads = 8
    disk_megabytes = 48

    def prepare(self, server, http):
        for part in range(5):
            teach(http, f"{RUDE}/default", text(6000, f"{part}."))
        start = time.monotonic()
        for round in range(20):
            teach(http, f"{RUDE}/default", text(200, f"{round}"))
        self.before = 1000 * (time.monotonic() - start) / 20
        # Room for events, until these have taken it.
        server.shell(f'dd if=/dev/zero of="{server.disk}/ballast" bs=4k 2>/dev/null; '
                     f'truncate -s -1200K "{server.disk}/ballast"')
        for part in range(3):
            http.post(f"/v1/sessions/{RUDE}/default/observe", json={"text": text(6000, f"x{part}")})
        start = time.monotonic()
        statuses = collections.Counter()
        for round in range(20):
            statuses[http.post(f"/v1/sessions/{RUDE}/default/observe",
                               json={"text": text(200, f"{round}")}).status_code] += 1
        after = 1000 * (time.monotonic() - start) / 20
        self.note = (f"learning 200 bytes alone: {self.before:.0f} ms, on the full disk "
                     f"{after:.0f} ms {dict(statuses)}")

    def step(self, http, index, round):
        return http.post(f"/v1/sessions/{RUDE}/default/observe",
                         json={"text": text(200, f"{index}.{round}.")})


ATTACKS = {"session": Session, "sessions": Sessions, "headers": Headers, "bodies": Bodies,
           "stops": Stops, "latents": Latents, "disk": Disk}


def rude_client(attack, url, stop, counts):
    """A process of its own, so that the timing shares no interpreter with it."""
    os.nice(5)
    tally, lock = collections.Counter(), threading.Lock()

    def run(index):
        round = 0
        with client(url, timeout=60) as http:
            while not stop.is_set():
                try:
                    answer = attack.step(http, index, round)
                    outcome = str(answer.status_code) if answer is not None else "held"
                except httpx.HTTPError as error:
                    outcome = type(error).__name__
                round += 1
                with lock:
                    tally[outcome] += 1
                if outcome == "429":
                    time.sleep(0.02)

    threads = [threading.Thread(target=run, args=(index,), daemon=True)
               for index in range(attack.threads)]
    threads.append(threading.Thread(target=attack.hold, args=(url, stop), daemon=True))
    for thread in threads:
        thread.start()
    while not stop.wait(0.1):
        with lock:
            counts.update(tally)
    os._exit(0)


def measure(name, options):
    attack = ATTACKS[name]()
    server = Server(options.hebb, options.core, attack.disk_megabytes, options.nice)
    try:
        with client(server.url) as http:
            teach(http, f"{VICTIM}/default", text(4000))
            attack.prepare(server, http)
            idle, _ = time_completions(http, options.seconds / 2)
            memory = server.resident_megabytes()
            stop, counts = multiprocessing.Event(), multiprocessing.Manager().dict()
            process = multiprocessing.Process(
                target=rude_client, args=(attack, server.url, stop, counts))
            process.start()
            time.sleep(options.warmup)
            attacked, refused = time_completions(http, options.seconds)
            memory = server.resident_megabytes() - memory
            stop.set()
            process.join(10)
            process.kill()
        if server.process.poll() is not None:
            raise SystemExit(f"{name}: the server ended")
    finally:
        server.stop()
    middle = statistics.median(idle)
    worst = max(attacked) / middle
    fine = worst < options.limit and refused == 0
    statuses = " ".join(f"{key}:{count}" for key, count in sorted(counts.items()))
    notes = [f"memory {memory:+.0f} MB", getattr(attack, "note", "")]
    row = [name, f"{middle:.1f}", f"{max(idle):.1f}", f"{statistics.median(attacked):.1f}",
           f"{max(attacked):.1f}", f"{statistics.median(attacked) / middle:.1f}", f"{worst:.1f}",
           str(refused), statuses, "; ".join(filter(None, notes))]
    print("| " + " | ".join(row) + (" |" if fine else " | over"), flush=True)
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hebb", required=True)
    parser.add_argument("--core", required=True)
    parser.add_argument("--only", nargs="*", choices=list(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--seconds", type=float, default=10, help="to measure each for")
    parser.add_argument("--warmup", type=float, default=3, help="of an attack, seconds")
    parser.add_argument("--limit", type=float, default=20, help="times the idle median")
    parser.add_argument("--nice", type=int, default=0, help="the server's niceness")
    options = parser.parse_args()
    print("| attack | idle median | idle max | attacked median | attacked max | × median | × max "
          "| refused | the rude client's | |\n|" + "---|" * 10)
    names = [name for name in options.only if name != "disk" or os.geteuid() == 0]
    sys.exit(0 if all([measure(name, options) for name in names]) else 1)


if __name__ == "__main__":
    main()
