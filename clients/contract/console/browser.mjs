// Chromium without a window, driven by the DevTools protocol over a pipe: no package is needed.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = process.env.CHROMIUM ?? "chromium";

export class Browser {
  #child;
  #folder;
  #number = 0;
  #waiting = new Map();
  #listeners = new Set();

  static async start() {
    const browser = new Browser();
    browser.#folder = await mkdtemp(join(tmpdir(), "hebb-console-"));
    const child = spawn(
      PROGRAM,
      [
        "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
        "--disable-extensions", "--disable-background-networking", "--disable-sync",
        "--no-default-browser-check", "--hide-scrollbars", `--user-data-dir=${browser.#folder}`,
        // Chromium's sandbox does not start for root, as which containers run.
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      ],
      { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
    );
    browser.#child = child;
    let rest = "";
    child.stdio[4].setEncoding("utf8").on("data", (piece) => {
      const messages = (rest + piece).split("\0");
      rest = messages.pop();
      for (const message of messages) browser.#receive(JSON.parse(message));
    });
    child.on("error", (error) => browser.#fail(error));
    child.on("exit", () => browser.#fail(new Error(`${PROGRAM} ended`)));
    await browser.send("Browser.getVersion");
    return browser;
  }

  #receive(message) {
    if (message.id === undefined) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    const { resolve, reject } = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error) reject(new Error(message.error.message));
    else resolve(message.result);
  }

  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  send(method, params = {}, sessionId) {
    const id = (this.#number += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  listen(listener) {
    this.#listeners.add(listener);
  }

  /** A tab. Those of one `context` share storage, as tabs of one window do. */
  async open(url, { width = 1280, height = 860, scale = 1, context, dark = false } = {}) {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", browserContextId: context });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const tab = new Tab(this, sessionId, targetId);
    await tab.prepare({ width, height, scale, dark });
    await tab.go(url);
    return tab;
  }

  async newContext() {
    return (await this.send("Target.createBrowserContext")).browserContextId;
  }

  async stop() {
    await this.send("Browser.close").catch(() => {});
    await new Promise((resolve) => (this.#child.exitCode === null ? this.#child.on("exit", resolve) : resolve()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const KEYS = {
  Enter: { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" },
  Tab: { key: "Tab", code: "Tab", windowsVirtualKeyCode: 9 },
  Escape: { key: "Escape", code: "Escape", windowsVirtualKeyCode: 27 },
  Space: { key: " ", code: "Space", windowsVirtualKeyCode: 32, text: " " },
  ArrowRight: { key: "ArrowRight", code: "ArrowRight", windowsVirtualKeyCode: 39 },
  ArrowLeft: { key: "ArrowLeft", code: "ArrowLeft", windowsVirtualKeyCode: 37 },
};

export class Tab {
  /** What the page complained of: exceptions, errors in the console, refusals by its policy. */
  troubles = [];
  #browser;
  #session;
  #target;

  constructor(browser, session, target) {
    this.#browser = browser;
    this.#session = session;
    this.#target = target;
    browser.listen(({ method, params, sessionId }) => {
      if (sessionId !== session) return;
      if (method === "Runtime.exceptionThrown") {
        const { exception, text } = params.exceptionDetails;
        this.troubles.push(exception?.description ?? text);
      }
      if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level)) {
        const isNetwork = params.entry.source === "network";
        if (!isNetwork) this.troubles.push(params.entry.text);
      }
      if (method === "Runtime.consoleAPICalled" && params.type === "error") {
        this.troubles.push(params.args.map((arg) => arg.value ?? arg.description).join(" "));
      }
    });
  }

  send(method, params) {
    return this.#browser.send(method, params, this.#session);
  }

  async prepare({ width, height, scale, dark }) {
    for (const domain of ["Page", "Runtime", "Log", "DOM", "Network"]) await this.send(`${domain}.enable`);
    // Else only one tab at a time has a focus.
    await this.send("Emulation.setFocusEmulationEnabled", { enabled: true });
    await this.resize({ width, height, scale });
    await this.dark(dark);
  }

  resize({ width, height, scale = 1, mobile = false }) {
    return this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile });
  }

  dark(isDark) {
    return this.send("Emulation.setEmulatedMedia", {
      features: [
        { name: "prefers-color-scheme", value: isDark ? "dark" : "light" },
        { name: "prefers-reduced-motion", value: "reduce" },
      ],
    });
  }

  async go(url) {
    await this.send("Page.navigate", { url });
    await this.until(() => document.readyState === "complete" && document.querySelector("#nav a"));
  }

  /** Runs a function in the page, with arguments that are JSON. */
  async run(act, ...given) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression: `(${act})(...${JSON.stringify(given)})`, awaitPromise: true, returnByValue: true,
    });
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Waits until a function in the page answers something true, and answers that. */
  async until(act, given = [], { seconds = 30, what = String(act) } = {}) {
    const end = Date.now() + 1000 * seconds;
    for (;;) {
      const found = await this.run(act, ...given).catch(() => null);
      if (found) return found;
      if (Date.now() > end) {
        const seen = await this.run(() => document.body.innerText).catch(() => "");
        throw new Error(`waited ${seconds} s in vain for: ${what}\nThe page says:\n${seen.slice(0, 1500)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  }

  /** Waits for a text on the page. */
  sees(text, options) {
    return this.until((text) => document.body.innerText.includes(text), [text], { what: text, ...options });
  }

  /** Presses what a person would find by its role and name. */
  async press(name, { role = "button, a, summary, input, label", index = 0, within = "body" } = {}) {
    await this.until(
      (name, role, index, within) => {
        const all = [...document.querySelectorAll(within)].flatMap((part) => [...part.querySelectorAll(role)]);
        const found = all.filter((node) => {
          const own = node.getAttribute("aria-label") ?? node.textContent.trim();
          return own === name && node.checkVisibility() && !node.disabled;
        }).at(index);
        if (!found) return false;
        found.scrollIntoView({ block: "center" });
        found.click();
        return true;
      },
      [name, role, index, within],
      { what: `a control named "${name}"` },
    );
  }

  async key(name, { shift = false } = {}) {
    const key = KEYS[name];
    const modifiers = shift ? 8 : 0;
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", modifiers, ...key });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", modifiers, ...key });
  }

  /** Types into what has the focus. */
  type(text) {
    return this.send("Input.insertText", { text });
  }

  /** Puts the focus on a field, empties it and types. */
  async write(selector, text) {
    await this.until((selector) => {
      const field = document.querySelector(selector);
      field?.focus();
      field?.select?.();
      return document.activeElement === field;
    }, [selector]);
    await this.type(text);
  }

  async picture(options = {}) {
    const { data } = await this.send("Page.captureScreenshot", { format: "png", ...options });
    return Buffer.from(data, "base64");
  }

  close() {
    return this.#browser.send("Target.closeTarget", { targetId: this.#target });
  }
}
