// Drives the console in Chromium against a server of its own: what people do, not pixels.
//
//   node clients/contract/console/flows.mjs [name of a flow…]
//
// HEBB, HEBB_CORE and CHROMIUM say which programs and core to use, where not those of this copy.

import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { audit } from "./audit.mjs";
import { Browser } from "./browser.mjs";
import { Server } from "./server.mjs";

const FACT = "The quorvath hums at dusk. A struck bell is answered by the quorvath.";
const VIEWS = ["Talk", "Write", "Memory", "Growth", "Timeline"];

const server = await Server.start();
const browser = await Browser.start();
const tabs = [];
let people = 0;

/** A tab in storage of its own, with a person of its own. */
async function visit(options = {}) {
  const context = options.context ?? (await browser.newContext());
  const tab = await browser.open(options.url ?? server.url, { ...options, context });
  tabs.push(tab);
  tab.context = context;
  await tab.sees("A model that learns from you");
  if (options.user !== null) await become(tab, options.user ?? `person-${(people += 1)}`);
  return tab;
}

async function become(tab, user) {
  await tab.run(() => document.querySelector(".account").click());
  await tab.write("#account-user", user);
  await tab.press("Go on");
  await tab.until((user) => !document.querySelector("dialog[open]") && document.querySelector(".account-name").textContent === user, [user]);
  tab.user = user;
}

async function teach(tab, text) {
  await tab.press("Talk", { role: "nav a" });
  await tab.press("Teach", { role: "label" });
  const before = await tab.run(() => document.querySelectorAll(".lesson .measures").length);
  await tab.write("#say", text);
  await tab.key("Enter");
  await tab.until((before) => document.querySelectorAll(".lesson .measures").length > before, [before], { what: "the lesson's figures" });
}

/** The newest answers: yours and the frozen core's. */
async function ask(tab, text, { learns = false } = {}) {
  await tab.press("Talk", { role: "nav a" });
  await tab.press("Continue", { role: "label" });
  await tab.run((learns) => {
    const box = [...document.querySelectorAll(".option")].find((node) => node.textContent.includes("Learn from")).querySelector("input");
    if (box.checked !== learns) box.click();
  }, learns);
  const before = await tab.run(() => document.querySelectorAll(".answers").length);
  await tab.write("#say", text);
  await tab.key("Enter");
  return tab.until((before) => {
    const all = [...document.querySelectorAll(".answers")];
    const last = all.at(-1);
    if (all.length === before || !last.querySelector(".thumb") || last.querySelector("[aria-busy]")) return null;
    const words = (kind) => last.querySelector(`.${kind} .words`).textContent;
    return { yours: words("yours"), frozen: words("frozen") };
  }, [before], { what: "both answers" });
}

const open = (tab, view) => tab.press(view, { role: "nav a" });

const flows = {
  async "teach, ask, see why, forget, ask again"() {
    const tab = await visit();
    const before = await ask(tab, "The quorvath");
    assert.equal(before.yours, before.frozen, "who has learned nothing has the frozen core");
    await teach(tab, FACT);
    const taught = await ask(tab, "The quorvath");
    assert.match(taught.yours, /hums at dusk/);
    assert.equal(taught.frozen, before.frozen);
    await tab.press("Why this answer", { index: -1 });
    await tab.until(() => document.querySelector(".why .sources")?.textContent.includes("hums at dusk"));
    await tab.run(() => document.querySelector(".why button[aria-label^='Forget:']")?.click());
    await tab.press("Forget", { within: ".why .asking" });
    await tab.sees("Ask again to see what is left.");
    const after = await ask(tab, "The quorvath");
    assert.equal(after.yours, before.yours, "forgotten exactly");
    await open(tab, "Memory");
    await tab.sees("Read, forgotten");
    const [event] = await server.events(tab.user);
    assert.equal(event.forgotten, true);
    assert.equal(event.text, undefined);
  },

  async "learning from talk, and thumbs"() {
    const tab = await visit();
    await ask(tab, "Every morning the heron", { learns: true });
    await tab.until(() => document.querySelector(".learned")?.textContent.includes("Learned"));
    await tab.run(() => document.querySelector("[aria-label='Bad answer: yours']").click());
    await tab.until(() => /less likely now|Noted/.test(document.querySelector(".yours .verdicts").textContent));
    assert.equal(await tab.run(() => document.activeElement.getAttribute("aria-pressed")), "true");
    const events = await server.events(tab.user);
    assert.deepEqual(events.map((event) => event.kind), ["completion", "feedback"]);
    assert.equal(events[1].verdicts[0].reward, -1);
    await tab.until(() => [...document.querySelectorAll(".learned button")].some((button) => button.textContent === "Forget" && (button.click(), true)));
    await tab.press("Forget", { within: ".learned .asking" });
    await tab.sees("What it learned here is forgotten");
  },

  async "two tabs of one person"() {
    const first = await visit();
    const second = await visit({ context: first.context, user: null });
    assert.equal(await second.run(() => document.querySelector(".account-name").textContent), first.user);
    await open(second, "Memory");
    await teach(first, FACT);
    await second.until(() => document.querySelector(".event")?.textContent.includes("hums at dusk"), [], { seconds: 6 });
    await second.run(() => document.querySelector(".event button[aria-label^='Forget']").click());
    await second.press("Forget", { within: ".event .asking" });
    await first.sees("Forgotten, to the byte.", { seconds: 6 });
  },

  async "the server goes away and comes back"() {
    const tab = await visit();
    await teach(tab, FACT);
    await server.end();
    await tab.press("Teach", { role: "label" });
    await tab.write("#say", "At dawn the quorvath sleeps.");
    await tab.key("Enter");
    await tab.sees("The server is away");
    await tab.sees("this is sent again when it is back");
    await server.begin();
    await tab.until(() => document.querySelectorAll(".lesson .measures").length === 2);
    await tab.until(() => !document.querySelector("#banner p"));
    const texts = (await server.events(tab.user)).map((event) => event.text);
    assert.deepEqual(texts, [FACT, "At dawn the quorvath sleeps."], "learned once");
    await server.end();
    await tab.press("Continue", { role: "label" });
    await tab.write("#say", "The quorvath");
    await tab.key("Enter");
    await tab.sees("The server went away amid the answer");
    await server.begin();
    await tab.until(() => !document.querySelector("#banner p"));
    assert.match((await ask(tab, "The quorvath")).yours, /hums at dusk/);
    // A page that is opened while nobody answers, and one that is loaded again.
    await tab.go(server.url);
    await tab.until(() => [...document.querySelectorAll(".yours .words")].some((words) => words.textContent.includes("hums")));
  },

  async "files are taught, and what is no text is refused by name"() {
    const tab = await visit();
    const folder = await mkdtemp(join(tmpdir(), "hebb-files-"));
    const paragraph = "The tide tables of Orvost are kept by hand, in ink, and read aloud at noon. ";
    await writeFile(join(folder, "notes.md"), paragraph.repeat(120));
    await writeFile(join(folder, "picture.png"), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0xff, 0xfe]));
    const { root } = await tab.send("DOM.getDocument", {});
    const { nodeId } = await tab.send("DOM.querySelector", { nodeId: root.nodeId, selector: "#files" });
    await tab.send("DOM.setFileInputFiles", { nodeId, files: ["notes.md", "picture.png"].map((name) => join(folder, name)) });
    await tab.sees("picture.png is not UTF-8 text.");
    await tab.sees("Taught from notes.md");
    await tab.sees("pieces, each to be forgotten in Memory");
    const events = await server.events(tab.user);
    assert.equal(events.map((event) => event.text).join(""), paragraph.repeat(120));
    await rm(folder, { recursive: true });
  },

  async "what is said is text, whatever it looks like"() {
    const tab = await visit();
    const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
    await teach(tab, hostile);
    await ask(tab, hostile);
    await tab.press("Why this answer", { index: -1 });
    for (const view of VIEWS) {
      await open(tab, view);
      await tab.until((view) => document.title.startsWith(view), [view]);
    }
    await open(tab, "Memory");
    await tab.until((hostile) => document.querySelector(".event-text")?.textContent.includes(hostile.slice(0, 20)), [hostile]);
    assert.equal(await tab.run(() => document.querySelectorAll("main img, main script").length), 0);
    const refused = await tab.run(() => {
      try {
        document.body.innerHTML = "<b>no</b>";
        return false;
      } catch {
        return true;
      }
    });
    assert.ok(refused, "the policy forbids markup of strings");
    tab.troubles = tab.troubles.filter((trouble) => !/TrustedHTML|require-trusted-types/.test(trouble));
  },

  async "writing with live completions"() {
    const tab = await visit();
    await teach(tab, FACT);
    await open(tab, "Write");
    await tab.write("#writing", "The quorvath");
    await tab.until(() => /hums at dusk/.test(document.querySelector(".ghost").textContent));
    await tab.key("Tab");
    assert.match(await tab.run(() => document.querySelector("#writing").value), /^The quorvath hums at dusk/);
    await tab.until(() => document.querySelector(".ghost").textContent, [], { what: "the next words" });
    await tab.key("Escape");
    await tab.until(() => !document.querySelector(".ghost").textContent);
    await tab.key("Tab");
    assert.notEqual(await tab.run(() => document.activeElement.id), "writing", "Tab goes on where nothing is suggested");
    await tab.until(() => document.querySelector(".measure-card .measures"));
    await tab.press("Teach this");
    await tab.sees("on disk.");
    assert.equal((await server.events(tab.user)).length, 2);
  },

  async "checkpoints: keep, compare, restore, rename, take along, bring in"() {
    const tab = await visit();
    await teach(tab, FACT);
    await open(tab, "Timeline");
    await tab.write("#keep-name", "first day");
    await tab.key("Enter");
    await tab.until(() => document.querySelector(".checkpoint.head h3")?.textContent === "first day");
    await tab.sees("Nothing new since the last checkpoint.");
    await teach(tab, "At dawn the quorvath sleeps in the reeds by the river Orvost.");
    await open(tab, "Timeline");
    await tab.sees("1 lesson since the last checkpoint.");
    await tab.press("What changed since first day");
    await tab.until(() => document.querySelector(".diff .chip"));
    await tab.press("Rename first day");
    await tab.write(".checkpoint .asking input", "day one");
    await tab.key("Enter");
    await tab.until(() => document.querySelector(".checkpoint h3").textContent === "day one");
    await tab.press("Restore day one");
    await tab.press("Restore", { within: ".checkpoint .asking" });
    await tab.sees("Nothing new since the last checkpoint.");
    const folder = await mkdtemp(join(tmpdir(), "hebb-downloads-"));
    await browser.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder, browserContextId: tab.context });
    await tab.press("Download");
    await tab.sees("Words of yours in it");
    let name;
    for (const end = Date.now() + 10_000; !name && Date.now() < end; ) {
      name = (await readdir(folder)).find((name) => name.endsWith(".engram"));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(name, "a file came");
    const other = await visit();
    await open(other, "Timeline");
    await other.until(() => document.querySelector("#engram-file"));
    const { root } = await other.send("DOM.getDocument", {});
    const { nodeId } = await other.send("DOM.querySelector", { nodeId: root.nodeId, selector: "#engram-file" });
    await other.send("DOM.setFileInputFiles", { nodeId, files: [join(folder, name)] });
    await other.sees(`${name} is in`);
    assert.match((await ask(other, "The quorvath")).yours, /hums at dusk/);
    await rm(folder, { recursive: true });
  },

  async "growth: the curve, the zone, a text measured"() {
    const tab = await visit();
    for (const text of [FACT, FACT, "A struck bell is answered by the quorvath at dusk."]) await teach(tab, text);
    await open(tab, "Growth");
    await tab.until(() => document.querySelector("polyline.line.adapted")?.getAttribute("points").split(" ").length === 3);
    await tab.until(() => document.querySelector(".gauge"));
    await tab.until(() => document.querySelectorAll(".monitor").length >= 5);
    await tab.press("As a table");
    assert.equal(await tab.run(() => document.querySelectorAll("tbody tr").length), 3);
    await tab.write("#try", "The quorvath hums at dusk.");
    await tab.press("Measure");
    await tab.until(() => document.querySelector(".heat .warm"));
    // Another page load has the curve from the server, not from this tab.
    await tab.go(`${server.url}#/growth`);
    await tab.until(() => document.querySelectorAll("circle.dot.adapted").length === 3);
  },

  async "by keyboard alone"() {
    const tab = await visit();
    await tab.go(server.url);
    await tab.run(() => document.activeElement.blur());
    const focused = () => tab.run(() => {
      const node = document.activeElement;
      return node.getAttribute("aria-label") ?? (node.id || node.textContent.trim());
    });
    const reach = async (wanted, { shift = false } = {}) => {
      const seen = [];
      for (let steps = 0; steps < 60; steps += 1) {
        await tab.key("Tab", { shift });
        // Behind the page's end is the browser's own part.
        if (await tab.run(() => document.activeElement === document.body)) continue;
        const name = await focused();
        seen.push(name);
        const isShown = await tab.run(() => {
          const { outlineStyle, boxShadow } = getComputedStyle(document.activeElement);
          const own = document.activeElement;
          const ring = own.matches("textarea, .segments input") || outlineStyle !== "none" || boxShadow !== "none";
          return ring;
        });
        assert.ok(isShown, `the focus shows on ${name}`);
        if (name.startsWith(wanted)) return name;
      }
      throw new Error(`Tab does not come to ${wanted}, but to ${seen.join(", ")}`);
    };
    assert.equal(await reach("Skip to the content"), "Skip to the content");
    await reach("mode-ask");
    await tab.key("ArrowRight");
    await reach("say");
    await tab.type(FACT);
    await tab.key("Enter");
    await tab.sees("Learned 28 tokens");
    await reach("mode-teach", { shift: true });
    await tab.key("ArrowLeft");
    await reach("say");
    await tab.type("The quorvath");
    await tab.key("Enter");
    await tab.until(() => document.querySelectorAll(".thumb").length === 4);
    await reach("Good answer: yours", { shift: true });
    await tab.key("Space");
    await tab.until(() => document.querySelector(".thumb[aria-pressed='true']"));
    await reach("Why this answer");
    await tab.key("Enter");
    await reach("Forget: The quorvath hums");
    await tab.key("Enter");
    assert.equal(await focused(), "Forget", "the question has the focus");
    await tab.key("Escape");
    assert.match(await focused(), /^Forget: /, "Escape gives it back");
    await tab.key("Enter");
    await tab.key("Enter");
    await tab.sees("Forgotten. Ask again");
    assert.notEqual(await tab.run(() => document.activeElement.tagName), "BODY", "the focus is not lost");
    await reach("You are", { shift: true });
    await tab.key("Enter");
    await tab.until(() => document.querySelector("dialog[open]"));
    await tab.key("Escape");
    await tab.until(() => !document.querySelector("dialog[open]"));
    assert.match(await focused(), /^You are/);
    await reach("Memory");
    await tab.key("Enter");
    await tab.until(() => document.querySelector("[aria-current='page']").textContent === "Memory");
    assert.equal(await tab.run(() => document.activeElement.id), "view", "the new view has the focus");
  },

  async "keys: the first one locks the server, a user's opens its own model only"() {
    const own = await Server.start();
    try {
      const { paths } = await own.get("openapi.json");
      if (!paths["/v1/keys"]) return console.log("     (this server has no keys)");
      const admin = await visit({ url: own.url, user: "root" });
      await admin.press("Keys", { role: "nav a" });
      await admin.sees("No keys yet");
      const make = async (user, keys) => {
        await admin.write("#key-user", user);
        await admin.press("Make the key");
        await admin.until((keys) => document.querySelectorAll(".keys-list > .card").length === keys, [keys]);
        return admin.run(() => document.querySelector(".secret").textContent);
      };
      await make("root", 1);
      const key = await make("wren", 2);
      assert.deepEqual(await audit(admin), []);
      const wren = await visit({ url: own.url, user: null });
      await wren.sees("This server asks for your key");
      await wren.write("#account-key", "hebb_00_wrong");
      await wren.press("Go on");
      await wren.sees("That key is not known here.");
      await wren.write("#account-user", "root");
      await wren.write("#account-key", key);
      await wren.press("Go on");
      await wren.until(() => !document.querySelector("dialog[open]"));
      assert.equal(await wren.run(() => document.querySelector(".account-name").textContent), "wren", "a key is its user");
      assert.equal(await wren.run(() => document.querySelector("nav li:last-child").hidden), true, "keys are the admin's");
      await teach(wren, FACT);
      assert.match((await ask(wren, "The quorvath")).yours, /hums at dusk/);
      await admin.run(() => document.querySelector("[aria-label='Revoke the key of wren']").click());
      await admin.press("Revoke", { within: ".keys-list .asking" });
      await admin.until(() => document.querySelectorAll(".keys-list > .card").length === 1);
      await wren.sees("That key is not known here.", { seconds: 10 });
    } finally {
      await own.stop();
    }
  },

  async "contrast, names and sizes, in every view, light and dark, at 1280, 640 (200 %) and 320"() {
    const tab = await visit();
    await teach(tab, FACT);
    await teach(tab, "A kettle sings before it boils.");
    await ask(tab, "The quorvath", { learns: true });
    await tab.press("Why this answer", { index: -1 });
    await tab.run(() => document.querySelector("[aria-label='Good answer: yours']").click());
    await open(tab, "Timeline");
    await tab.press("Keep this");
    await tab.until(() => document.querySelector(".checkpoint"));
    const wrong = [];
    for (const [width, height, mobile] of [[1280, 860, false], [640, 430, false], [320, 640, true]]) {
      await tab.resize({ width, height, mobile });
      for (const dark of [false, true]) {
        await tab.dark(dark);
        for (const view of VIEWS) {
          await open(tab, view);
          await tab.until((view) => document.title.startsWith(view), [view]);
          await new Promise((resolve) => setTimeout(resolve, 250));
          for (const trouble of await audit(tab)) wrong.push(`${view}, ${width} px, ${dark ? "dark" : "light"}: ${trouble}`);
        }
        await tab.run(() => document.querySelector(".account").click());
        for (const trouble of await audit(tab)) wrong.push(`who, ${width} px, ${dark ? "dark" : "light"}: ${trouble}`);
        await tab.run(() => document.querySelector("dialog").close());
      }
    }
    assert.deepEqual(wrong, []);
  },
};

const wanted = process.argv.slice(2);
let failed = 0;
for (const [name, flow] of Object.entries(flows)) {
  if (wanted.length && !wanted.some((word) => name.includes(word))) continue;
  const start = Date.now();
  try {
    await flow();
    for (const tab of tabs) assert.deepEqual(tab.troubles, [], "the page complained of nothing");
    console.log(`ok   ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}\n${error.stack}`);
  }
  if (!server.isRunning) await server.begin();
  await Promise.all(tabs.splice(0).map((tab) => tab.close().catch(() => {})));
}
await browser.stop();
await server.stop();
process.exitCode = failed ? 1 : 0;
