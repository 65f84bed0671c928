// Puts the page together and shows the view that the address names.

import { Account, applyTheme } from "./account.js";
import { AwayError } from "./api.js";
import { el, fill, icon, notify } from "./dom.js";
import { Growth, standing } from "./growth.js";
import { Keys } from "./keys.js";
import { Memory } from "./memory.js";
import { Person } from "./person.js";
import { Talk } from "./talk.js";
import { Timeline } from "./timeline.js";
import { Write } from "./write.js";

const VIEWS = [
  ["talk", Talk, "talk"], ["write", Write, "write"], ["memory", Memory, "memory"],
  ["growth", Growth, "growth"], ["timeline", Timeline, "time"], ["keys", Keys, "keys"],
];

applyTheme();
const person = new Person();
const account = new Account(person);
const views = new Map();
const links = new Map();
const place = (id) => document.getElementById(id);

for (const [name, View, picture] of VIEWS) {
  const view = new View(person);
  views.set(name, view);
  links.set(name, el("a", { href: `#/${name}` }, icon(picture), el("span", {}, view.title)));
}
fill(place("account"), account.button);
fill(place("nav"), el("ul", {}, [...links].map(([, link]) => el("li", {}, link))));

let shown = null;

/** Shows the view of the address; another one than before takes the focus, as a new page would. */
function show() {
  const wanted = location.hash.replace(/^#\//, "");
  const name = views.has(wanted) && links.get(wanted).parentNode.hidden !== true ? wanted : "talk";
  const view = views.get(name);
  if (view === shown) return;
  const isFirst = shown === null;
  shown?.hide?.();
  shown = view;
  document.title = `${view.title} · Hebb`;
  for (const [other, link] of links) {
    if (other === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  fill(place("view"), el("h1", { class: "unseen" }, view.title), view.node);
  scrollTo(0, 0);
  view.show?.();
  if (!isFirst) place("view").focus({ preventScroll: true });
  view.focus?.();
}

function describe() {
  fill(place("core"), person.model && ["on ", el("span", {}, person.model.id)]);
  links.get("keys").parentNode.hidden = !person.isAdmin;
  fill(place("aside"), standing(person));
}

function banner(text) {
  fill(place("banner"), text && el("p", {}, text));
}

addEventListener("hashchange", show);
for (const what of ["person", "session", "events"]) person.addEventListener(what, describe);
person.api.addEventListener("away", () => banner("The server is away. This page looks for it, and goes on when it is back."));
person.api.addEventListener("back", () => banner(""));

// Files may fall anywhere.
const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.classList.add("receiving");
});
addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("receiving"));
addEventListener("drop", (event) => {
  document.body.classList.remove("receiving");
  if (!hasFiles(event)) return;
  event.preventDefault();
  location.hash = "#/talk";
  views.get("talk").drop([...event.dataTransfer.files]);
});

describe();
show();

/** Meets the server, however long it takes to come. */
async function begin() {
  try {
    await person.meet();
  } catch (error) {
    if (error.status === 401) return;
    if (error instanceof AwayError || error.passes) {
      person.api.addEventListener("back", begin, { once: true });
      if (!(error instanceof AwayError)) setTimeout(begin, 2000);
      return;
    }
    notify(error);
  }
}
begin();
