// Takes the pictures of README anew: node clients/contract/console/pictures.mjs

import { writeFile } from "node:fs/promises";
import { Browser } from "./browser.mjs";
import { Server } from "./server.mjs";

const LESSONS = [
  "The quorvath hums at dusk. A struck bell is answered by the quorvath.",
  "At dawn the quorvath sleeps in the reeds by the river Orvost.",
  "The tide tables of Orvost are kept by hand, in ink, and read aloud at noon.",
  "At noon the tide tables are read aloud, and the quorvath sleeps in the reeds.",
  "A struck bell is answered by the quorvath, and the reeds by the river Orvost are still.",
  "The tide tables of Orvost say when the quorvath hums, at dusk, by the river.",
];

const server = await Server.start();
const browser = await Browser.start();
const tab = await browser.open(server.url, { width: 1180, height: 720 });

async function take(name) {
  await new Promise((resolve) => setTimeout(resolve, 700));
  await writeFile(new URL(name, import.meta.url), await tab.picture());
}

await tab.sees("A model that learns from you");
await tab.press("Teach", { role: "label" });
for (const [index, lesson] of LESSONS.entries()) {
  await tab.write("#say", lesson);
  await tab.key("Enter");
  await tab.until((index) => document.querySelectorAll(".lesson .measures").length > index, [index]);
}
await tab.press("New conversation");
await tab.run(() => document.querySelector("#mode-ask").click());
await tab.run(() => document.querySelector(".option input:checked").click());
await tab.write("#say", process.argv[2] ?? "The quorvath");
await tab.key("Enter");
await tab.until(() => document.querySelectorAll(".thumb").length === 4, [], { seconds: 120 });
await tab.press("Why this answer");
await take("talk.png");
await tab.dark(true);
await tab.press("Growth", { role: "nav a" });
await tab.until(() => document.querySelector(".gauge") && document.querySelector(".curve"));
await take("growth.png");
await browser.stop();
await server.stop();
