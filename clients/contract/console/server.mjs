// A hebb of its own for a test, on a free port with an empty folder; it can be killed and come back.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PROGRAM = process.env.HEBB ?? join(ROOT, ".build/release/hebb");
const CORE = process.env.HEBB_CORE ?? join(ROOT, "deploy/cores/folio-5m");

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Server {
  #child = null;
  #log = "";

  static async start() {
    const server = new Server();
    server.folder = await mkdtemp(join(tmpdir(), "hebb-data-"));
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}/`;
    await server.begin();
    return server;
  }

  async begin() {
    const [program, ...before] = PROGRAM.split(" ");
    const child = spawn(
      program,
      [...before, "serve", "--core", CORE, "--data", this.folder, "--port", String(this.port)],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#child = child;
    child.stderr.setEncoding("utf8").on("data", (text) => (this.#log += text));
    for (const end = Date.now() + 60_000; ; ) {
      if (child.exitCode !== null || Date.now() > end) throw new Error(`hebb did not start:\n${this.#log}`);
      const isReady = await fetch(new URL("health", this.url)).then((answer) => answer.ok, () => false);
      if (isReady) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  get isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Ends it, as a crash does unless told otherwise. */
  async end(signal = "SIGKILL") {
    const child = this.#child;
    if (!this.isRunning) return;
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill(signal);
    await ended;
  }

  async stop() {
    await this.end("SIGTERM");
    await rm(this.folder, { recursive: true, force: true });
  }

  async get(path) {
    return (await fetch(new URL(path, this.url))).json();
  }

  events(user) {
    return this.get(`v1/sessions/${user}/default/events?text=true`).then((list) => list.data ?? []);
  }
}
