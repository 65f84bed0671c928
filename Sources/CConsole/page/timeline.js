// Checkpoints in time: keep, go back, see what changed, take along, bring in.

import { announce, askingButton, during, el, fill, notify } from "./dom.js";
import { bytes, percent, plural } from "./format.js";
import { changes } from "./memory.js";
import { bars, empty, time } from "./parts.js";

const FORMATS = [
  ["engram", "Engram: everything, exactly"],
  ["peft", "PEFT LoRA, as far as it can hold it"],
  ["gguf", "GGUF LoRA for llama.cpp"],
];

export class Timeline {
  title = "Timeline";
  #person;

  constructor(person) {
    this.#person = person;
    this.now = el("div", {});
    this.list = el("ol", { class: "timeline" });
    this.node = el(
      "section",
      { class: "time-view", "aria-label": "Timeline" },
      el("h2", {}, "Checkpoints"),
      this.now, this.list,
      el("h2", {}, "Take along, bring in"),
      this.#carrying(),
    );
    for (const what of ["person", "events"]) {
      person.addEventListener(what, () => this.node.isConnected && this.show());
    }
  }

  async show() {
    const person = this.#person;
    this.#now();
    try {
      const checkpoints = [];
      for (let after = ""; ;) {
        const query = new URLSearchParams({ limit: 200, ...(after && { after }) });
        const page = await person.api.get(person.path(`/checkpoints?${query}`));
        checkpoints.push(...page.data);
        if (!page.has_more || !page.data.length) break;
        after = page.data.at(-1).id;
      }
      this.#list(checkpoints.reverse());
    } catch (error) {
      fill(this.list);
      if (error.status !== 404) notify(error, { about: "Checkpoints." });
    }
  }

  // MARK: now

  /** @param {boolean} isDone whether who is in it has done what they were there for */
  #now(isDone = false) {
    const person = this.#person;
    // Of a session that nothing has changed the server tells, too.
    const session = person.session?.revision ? person.session : null;
    const waiting = session ? person.events.filter((event) => {
      const last = person.events.findLast((one) => ["checkpoint", "restore", "reset"].includes(one.kind));
      return !event.forgotten && event.learned_tokens > 0 && event.revision > (last?.revision ?? 0);
    }).length : 0;
    if (!isDone && this.now.contains(document.activeElement)) return;
    const name = el("input", {
      id: "keep-name", type: "text", maxlength: 100, placeholder: "A name, if you like", autocomplete: "off",
    });
    const keep = el("button", { type: "submit", class: "primary" }, "Keep this");
    const form = el(
      "form",
      {
        class: "row keep",
        onsubmit: (event) => {
          event.preventDefault();
          during(keep, async () => {
            const given = name.value.trim();
            const kept = await person.api.call("POST", person.path("/checkpoints"), {
              json: given ? { name: given } : {},
            });
            announce(`Kept as ${kept.name ?? kept.id}.`);
            await person.changed();
            this.#now(true);
            this.now.querySelector("input")?.focus();
            if (kept.fitted) notify("To pass the constitution's probes, a part of it was turned down.", { about: "Kept." });
          });
        },
      },
      el("label", { for: "keep-name", class: "unseen" }, "A name for what you keep"),
      name, keep,
    );
    fill(
      this.now,
      el(
        "div",
        { class: "card now" },
        el("h3", {}, "Now"),
        el("p", {}, session
          ? waiting ? `${plural(waiting, "lesson")} since the last checkpoint.` : "Nothing new since the last checkpoint."
          : "The frozen core: nothing has been learned."),
        session && form,
        session && el(
          "div",
          { class: "row" },
          session.base && askingButton("Back to the last checkpoint", "Drop what came after it?", () => this.#reset("head")),
          askingButton("Back to the frozen core", "Drop all that it learned, until you keep or restore?", () => this.#reset("frozen")),
        ),
      ),
    );
  }

  async #reset(to) {
    const person = this.#person;
    await person.api.call("POST", person.path("/reset"), { json: { to } });
    announce("Done.");
    await person.changed();
  }

  // MARK: then

  #list(checkpoints) {
    if (!checkpoints.length) {
      return void fill(this.list, el("li", { class: "none" }, empty(
        "No checkpoint yet",
        el("p", {}, "A checkpoint keeps what was learned so far as yours. The server makes one now and then by itself; you can make one now."),
      )));
    }
    // A row that somebody is at stays, unless its checkpoint has changed.
    const kept = new Map([...this.list.children].map((row) => [row.dataset.state, row]));
    fill(this.list, checkpoints.map((checkpoint) => {
      const state = JSON.stringify([this.#person.id, checkpoint]);
      const row = kept.get(state) ?? this.#row(checkpoint);
      row.dataset.state = state;
      return row;
    }));
  }

  #row(checkpoint) {
    const person = this.#person;
    const at = `/checkpoints/${encodeURIComponent(checkpoint.id)}`;
    const name = checkpoint.name ?? checkpoint.id;
    const panel = el("div", { class: "diff", hidden: true });
    const compare = el(
      "button",
      { type: "button", class: "quiet", "aria-expanded": "false", "aria-label": `What changed since ${name}` },
      "What changed since",
    );
    compare.addEventListener("click", () => during(compare, async () => {
      const isOpen = panel.hidden;
      if (isOpen) fill(panel, diff(await person.api.get(person.path(`${at}/diff?with=session&top=8`))));
      panel.hidden = !isOpen;
      compare.setAttribute("aria-expanded", String(isOpen));
    }));
    return el(
      "li",
      { class: checkpoint.is_head ? "checkpoint head" : "checkpoint" },
      el(
        "div",
        { class: "checkpoint-head" },
        el("h3", {}, name),
        checkpoint.is_head && el("span", { class: "tag" }, "yours now"),
        checkpoint.automatic && !checkpoint.name && el("span", { class: "tag plain" }, "by itself"),
        time(checkpoint.created),
      ),
      checkpoint.note && el("p", {}, checkpoint.note),
      el("p", { class: "quiet-text" },
        `${plural(checkpoint.tokens_learned, "token")} learned, ${bytes(checkpoint.bytes)}`,
        checkpoint.parent && `, after ${checkpoint.parent}`),
      el(
        "div",
        { class: "row" },
        askingButton("Restore", "Go back to it?", async () => {
          await person.api.call("POST", person.path(`${at}/restore`));
          announce(`${name} is yours again.`);
          await person.changed();
        }, { name: `Restore ${name}` }),
        compare,
        this.#rename(checkpoint, at),
        !checkpoint.is_head && askingButton("Delete", "For good?", async () => {
          await person.api.call("DELETE", person.path(at));
          announce(`${name} is deleted.`);
          await person.changed();
          this.show();
        }, { name: `Delete ${name}` }),
      ),
      panel,
    );
  }

  #rename(checkpoint, at) {
    const box = el("span", { class: "asking" });
    const button = el("button", { type: "button", class: "quiet", "aria-label": `Rename ${checkpoint.name ?? checkpoint.id}` }, "Rename");
    const input = el("input", { type: "text", maxlength: 100, value: checkpoint.name ?? "", "aria-label": "New name" });
    const save = el("button", { type: "button", class: "quiet" }, "Save");
    const store = () => during(save, async () => {
      if (!input.value.trim()) return input.focus();
      await this.#person.api.call("PATCH", this.#person.path(at), { json: { name: input.value.trim() } });
      await this.show();
      announce("Renamed.");
    });
    const calm = () => (fill(box, button), button.focus());
    button.addEventListener("click", () => (fill(box, input, save), input.focus()));
    save.addEventListener("click", store);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") store();
      if (event.key === "Escape") calm();
    });
    fill(box, button);
    return box;
  }

  // MARK: files

  #carrying() {
    const format = el("select", { id: "format" }, FORMATS.map(([value, label]) => el("option", { value }, label)));
    const discreet = el("input", { type: "checkbox" });
    const fetchIt = el("button", { type: "button", class: "primary" }, "Download");
    const outcome = el("p", { class: "quiet-text", role: "status" });
    fetchIt.addEventListener("click", () => during(fetchIt, () => this.#download(format.value, discreet.checked, outcome)));
    const file = el("input", {
      type: "file", id: "engram-file", class: "unseen", tabindex: -1, "aria-hidden": "true",
      onchange: () => {
        const [chosen] = file.files;
        if (chosen) during(choose, () => this.#upload(chosen, outcome));
        file.value = "";
      },
    });
    const choose = el("button", { type: "button", class: "quiet", onclick: () => file.click() }, "Bring in a file…");
    return el(
      "div",
      { class: "card" },
      el("p", {}, "What yours learned is a file. It goes to another server, or another person, and comes back."),
      el(
        "div",
        { class: "row" },
        el("label", { for: "format" }, "As"), format,
        fetchIt, choose, file,
      ),
      el("label", { class: "option" }, discreet, "Without what spells your words (remembered places and orders of words)"),
      outcome,
    );
  }

  async #download(format, isDiscreet, outcome) {
    const person = this.#person;
    const query = new URLSearchParams({ scope: "total", format });
    if (isDiscreet) query.set("without", "episodes,sequences");
    let response;
    try {
      response = await person.api.send("GET", person.path(`/delta?${query}`));
    } catch (error) {
      if (error.status !== 422 || format === "engram") throw error;
      query.set("partial", "true");
      response = await person.api.send("GET", person.path(`/delta?${query}`));
    }
    const name = /filename="([^"/\\]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
    const url = URL.createObjectURL(await response.blob());
    el("a", { href: url, download: name ?? "delta.engram" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    const words = response.headers.get("X-Owners-Words");
    const fidelity = response.headers.get("X-Fidelity");
    fill(outcome, [words && `Words of yours in it: ${words}.`, fidelity && `How true it is: ${fidelity}.`].filter(Boolean).join(" "));
  }

  async #upload(file, outcome) {
    const person = this.#person;
    try {
      const session = await person.api.call("PUT", person.path("/delta"), {
        body: file, headers: { "Content-Type": "application/octet-stream" },
      });
      fill(outcome, `${file.name} is in: ${plural(session.tokens_learned, "token")} learned. Keep it, or go back.`);
    } catch (error) {
      fill(outcome);
      throw error;
    }
    await person.changed();
  }
}

function diff(report) {
  const measured = report.bits_per_byte;
  const parts = [changes(report)];
  if (measured && measured.from !== measured.to) {
    const less = 100 * (1 - measured.to / measured.from);
    parts.unshift(
      el("h4", {}, "On the newest text that it learned"),
      bars({ frozen: measured.frozen, adapted: measured.to }),
      el("p", { class: "quiet-text" }, less >= 0
        ? `${percent(less)} less surprise than at the checkpoint.`
        : `${percent(-less)} more surprise than at the checkpoint.`),
    );
  }
  return parts;
}
