// What the model learned from, each with *forget* beside it, and what it made of that.

import { during, el, fill, put, styled } from "./dom.js";
import { bits, count, plural, token, visible } from "./format.js";
import { empty, eventText, forgetButton, isForgettable, kindName, time } from "./parts.js";

const PAGE = 30;

export class Memory {
  title = "Memory";
  #person;
  #shown = PAGE;
  #openTexts = new Map();

  constructor(person) {
    this.#person = person;
    this.filter = el("input", {
      type: "search", id: "memory-filter", placeholder: "Find in what it learned", autocomplete: "off",
      oninput: () => ((this.#shown = PAGE), this.#list()),
    });
    this.list = el("ul", { class: "events" });
    this.more = el("div", {});
    this.changes = el("div", { class: "changes", "aria-live": "off" });
    this.node = el(
      "section",
      { class: "memory", "aria-label": "Memory" },
      el("h2", {}, "What it learned from"),
      el("label", { for: "memory-filter", class: "unseen" }, "Find in what it learned"),
      this.filter, this.list, this.more,
      el("h2", {}, "What that changed"),
      this.changes,
    );
    person.addEventListener("person", () => ((this.#shown = PAGE), this.#openTexts.clear()));
    person.addEventListener("events", () => this.node.isConnected && this.show());
  }

  show() {
    this.#list();
    this.#features();
  }

  #list() {
    const sought = this.filter.value.trim().toLowerCase();
    const events = this.#person.events
      .filter((event) => event.kind !== "forget")
      .filter((event) => !sought || eventText(event).toLowerCase().includes(sought))
      .reverse();
    if (!events.length) {
      fill(this.list, el("li", { class: "none" }, sought
        ? "Nothing of that."
        : empty("Nothing yet", el("p", {}, "What you teach, and what it hears when you talk, stands here with the way to take it back."))));
      return void fill(this.more);
    }
    // An open row under somebody's hands stays as it is.
    const kept = new Map([...this.list.children].map((row) => [row.dataset.id, row]));
    fill(this.list, events.slice(0, this.#shown).map((event) => {
      const before = kept.get(event.id);
      const isSame = before?.dataset.state === String(event.forgotten);
      return isSame ? before : this.#row(event);
    }));
    const left = events.length - this.#shown;
    fill(this.more, left > 0 && el(
      "button",
      { type: "button", class: "quiet", onclick: () => ((this.#shown += PAGE), this.#list()) },
      `Show older (${count(left)} more)`,
    ));
  }

  #row(event) {
    const text = eventText(event);
    const words = el("p", { class: "words event-text" }, event.forgotten ? "" : text);
    const whole = event.preview && !event.forgotten && el(
      "button",
      {
        type: "button", class: "link", "aria-expanded": "false",
        onclick: ({ currentTarget }) => during(currentTarget, () => this.#unfold(event, words, currentTarget)),
      },
      "Whole text",
    );
    return el(
      "li",
      { class: event.forgotten ? "event gone" : "event", data: { id: event.id, state: String(event.forgotten) } },
      el(
        "div",
        { class: "event-head" },
        el("span", { class: "kind" }, event.forgotten ? `${kindName(event.kind)}, forgotten` : kindName(event.kind)),
        time(event.created),
        event.learned_tokens > 0 && !event.forgotten && el("span", {}, plural(event.learned_tokens, "token")),
        event.bits_per_byte && el("span", {}, `${bits(event.bits_per_byte.frozen)} → ${bits(event.bits_per_byte.adapted)} bits/byte`),
        el("span", { class: "grow" }),
        whole,
        isForgettable(event) && forgetButton(this.#person, event.id, text.slice(0, 60)),
      ),
      words,
    );
  }

  async #unfold(event, words, button) {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    button.textContent = isOpen ? "Whole text" : "Less";
    if (isOpen) return void (words.textContent = eventText(event));
    const path = this.#person.path(`/events/${encodeURIComponent(event.id)}`);
    const found = this.#openTexts.get(event.id) ?? (await this.#person.api.get(path));
    this.#openTexts.set(event.id, found);
    words.textContent = eventText(found);
  }

  // MARK: what that changed

  async #features() {
    const person = this.#person;
    if (!person.session?.tokens_learned) {
      return void fill(this.changes, el("p", { class: "quiet-text" }, "Nothing: it is the frozen core."));
    }
    try {
      const report = await person.api.get(person.path("/features?top=12"));
      fill(this.changes, changes(report));
    } catch (error) {
      fill(this.changes, el("p", { class: "quiet-text" }, error.message));
    }
  }
}

/** A report on what was learned, or a diff of two checkpoints. */
export function changes(report) {
  const { biases: words, tokens: moved } = report;
  const parts = [
    words?.length && group(
      "Words", "What it says more often, or less, wherever it is.",
      el("p", { class: "chips" }, words.map(chip)),
    ),
    moved?.length && group(
      "Words", "Those that were moved most, in all places together.",
      el("p", { class: "chips" }, moved.map((word) => chip({ ...word, weight: word.total }))),
    ),
    report.contexts?.length && group(
      "Orders of words", "After these, it goes on like this.",
      el("ul", { class: "contexts" }, report.contexts.map((context) => el(
        "li",
        {},
        el("span", { class: "words context" }, context.text === null ? plural(context.order, "word") : visible(context.text)),
        el("span", { "aria-label": "then" }, " → "),
        el("span", { class: "chips" }, context.targets.slice(0, 4).map(chip)),
      ))),
    ),
    report.latents?.length && group(
      "Features", "What the core notices in a text, and which words that calls up now.",
      el("div", { class: "features" }, report.latents.map(feature)),
    ),
  ].filter(Boolean);
  return parts.length ? parts : el("p", { class: "quiet-text" }, "Nothing changed.");
}

function group(title, about, body) {
  return el("section", { class: "change-group" }, el("h3", {}, title), el("p", { class: "quiet-text" }, about), body);
}

function chip(push) {
  const value = push.change ?? push.weight;
  return el(
    "span",
    { class: value < 0 ? "chip less" : "chip more", title: value.toFixed(3) },
    el("span", { class: "unseen" }, value < 0 ? "less " : "more "),
    token(push.text),
  );
}

function feature(latent) {
  const size = latent.change ?? latent.norm;
  const examples = (latent.examples ?? []).map((example) => el(
    "li",
    { class: "words" },
    "…", visible(example.before),
    styled(el("mark", {}, visible(example.token)), "--share", Math.min(1, example.activity)),
    visible(example.after), "…",
  ));
  const side = (label, pushes) => pushes.length > 0 && el(
    "p", { class: "chips" }, el("span", { class: "chips-label" }, label), pushes.slice(0, 6).map(chip),
  );
  return el(
    "article",
    { class: "card feature" },
    el("h4", {}, `Feature ${latent.latent}`, el("span", { class: "quiet-text" }, ` size ${size.toFixed(2)}`)),
    examples.length > 0 && el("ul", { class: "examples-list", "aria-label": "Where it is at work" }, examples),
    put(el("div", {}), side("more", latent.up), side("less", latent.down)),
  );
}
