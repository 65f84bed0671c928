// One question with its answers: what both models say, what it is worth, and why.

import { ApiError, AwayError } from "./api.js";
import { announce, during, el, fill, icon, put } from "./dom.js";
import { plural } from "./format.js";
import { answer } from "./generation.js";
import { forgetButton, isForgettable, receiptText } from "./parts.js";
import { whyPanel } from "./why.js";

/** How long an answer may take to begin before the page says that it is being waited for. */
const SLOW_SECONDS = 4;

const ENDS = { length: "It stopped at the length that was asked for.", content_filter: "It was held back." };

export class AnswerCard {
  #person;
  #item;
  #save;
  #columns = {};
  #foot = el("div", { class: "answer-foot" });
  #note = el("span", {});

  /**
   * @param {Object} item what is kept of it: `text`, `yours`, `frozen` (null: not asked), `id`,
   *   `plasticity`, `verdicts`, `error`
   * @param {() => void} save
   */
  constructor(person, item, save) {
    this.#person = person;
    this.#item = item;
    this.#save = save;
    const columns = el("div", { class: item.frozen === null ? "answers alone" : "answers" });
    columns.append(this.#column("yours", "Yours", 0));
    if (item.frozen !== null) columns.append(this.#column("frozen", "Frozen", 1));
    this.node = el(
      "article",
      { class: "turn", "aria-label": "Question and answer" },
      el("h2", { class: "said words" }, item.text),
      columns,
      this.#foot,
    );
    if (!item.isUnderWay) this.#settle();
  }

  #column(kind, label, choice) {
    const text = el("p", { class: "words" }, this.#item[kind] ?? "");
    const verdicts = el("div", { class: "verdicts" });
    const node = el(
      "section",
      { class: `answer ${kind}`, "aria-label": `${label} model's answer` },
      el("h3", {}, label),
      text,
      verdicts,
    );
    this.#columns[kind] = { node, text, verdicts, choice };
    return node;
  }

  /** Asks, and shows what comes as it comes. Never throws. */
  async ask(question, signal) {
    const item = this.#item;
    const columns = Object.values(this.#columns);
    for (const { node } of columns) node.setAttribute("aria-busy", "true");
    const slow = setTimeout(() => {
      fill(this.#foot, el("p", { class: "quiet-text" }, "It is thinking. On a busy machine this takes a while."));
    }, 1000 * SLOW_SECONDS);
    try {
      const result = await answer(
        this.#person,
        question,
        (mode, text) => {
          clearTimeout(slow);
          const kind = mode === "frozen" ? "frozen" : "yours";
          item[kind] = (item[kind] ?? "") + text;
          this.#columns[kind]?.text.append(text);
        },
        signal,
      );
      item.id = result.id;
      item.plasticity = result.plasticity;
      item.reasons = result.reasons;
      item.isContinuation = result.isContinuation;
      item.learned = result.plasticity?.learned_tokens ?? 0;
    } catch (error) {
      item.error =
        error.name === "AbortError" ? "Stopped."
        : error instanceof AwayError ? "The server went away amid the answer. Ask again when it is back."
        : error instanceof ApiError && error.passes
          ? `The server is busy. Ask again in ${plural(Math.max(1, error.retryAfter), "second")}.`
          : error.message;
    }
    clearTimeout(slow);
    for (const { node } of columns) node.removeAttribute("aria-busy");
    this.#settle();
  }

  /** Shows what can be done with an answer that is complete. */
  #settle() {
    const item = this.#item;
    for (const [kind, column] of Object.entries(this.#columns)) {
      const text = item[kind] ?? "";
      // Models begin with a space, and their words end where they end.
      fill(
        column.text,
        item.isContinuation && el("span", { class: "beginning" }, item.text, /^\s/.test(text) && " "),
        text.trim(),
      );
      if (!text.trim() && !item.error) {
        fill(column.text, el("span", { class: "quiet-text" }, "It said nothing."));
      }
      fill(column.verdicts);
      if (!item.id || !text.trim()) continue;
      put(column.verdicts, this.#thumb(kind, 1), this.#thumb(kind, -1));
      if (item.reasons?.[kind === "yours" ? "adapted" : kind] === "length") {
        column.verdicts.append(el("span", { class: "quiet-text", title: ENDS.length }, "…"));
      }
    }
    this.#footing();
  }

  #footing() {
    const item = this.#item;
    fill(this.#foot);
    if (item.error) put(this.#foot, el("p", { class: "trouble", role: "alert" }, item.error));
    if (!item.plasticity) return;
    const panel = el("div", { class: "why", hidden: true });
    const toggle = el(
      "button",
      { type: "button", class: "quiet", "aria-expanded": "false" },
      "Why this answer",
    );
    toggle.addEventListener("click", () => {
      panel.hidden = !panel.hidden;
      toggle.setAttribute("aria-expanded", String(!panel.hidden));
      if (panel.hidden) return;
      this.#why();
      panel.scrollIntoView({ block: "nearest" });
    });
    put(this.#foot, toggle, this.#note, panel);
    fill(this.#note, this.#learned());
    this.panel = panel;
  }

  #why() {
    fill(this.panel, whyPanel(this.#person, this.#item, () => this.#why()));
  }

  /** What the model learned of the question, where it was asked to. */
  #learned() {
    const { learned, plasticity } = this.#item;
    if (!learned) return null;
    const event = this.#event;
    const note = el("span", { class: "learned" }, `Learned ${plural(learned, "token")} of what you said`);
    if (this.#item.isForgotten || event?.forgotten) {
      return el("span", { class: "learned" }, "What it learned here is forgotten");
    }
    if (event && isForgettable(event)) {
      put(
        note,
        forgetButton(this.#person, event.id, "what you said here", (receipt) => {
          this.#item.isForgotten = true;
          this.#save();
          announce(receiptText(receipt));
          fill(this.#note, this.#learned());
        }),
      );
    }
    return note;
  }

  /** The event by which the question was learned. */
  get #event() {
    const { plasticity } = this.#item;
    const named = plasticity?.event;
    return this.#person.events.find((event) =>
      named ? event.id === named
      : event.kind === "completion" && event.revision === plasticity?.revision_after);
  }

  /** What was learned is on the list by now, or not on it any more. */
  update() {
    if (this.#item.isUnderWay || this.node.contains(document.activeElement)) return;
    if (this.panel && !this.panel.hidden) this.#why();
    fill(this.#note, this.#learned());
  }

  // MARK: verdicts

  #thumb(kind, reward) {
    const item = this.#item;
    const isGiven = item.verdicts?.[kind] === reward;
    const name = `${reward > 0 ? "Good" : "Bad"} answer: ${kind}`;
    const button = el(
      "button",
      { type: "button", class: "thumb", "aria-label": name, "aria-pressed": String(isGiven), title: reward > 0 ? "Good" : "Bad" },
      icon(reward > 0 ? "up" : "down"),
    );
    button.addEventListener("click", () => during(button, () => this.#judge(kind, reward)));
    return button;
  }

  async #judge(kind, reward) {
    const item = this.#item;
    const person = this.#person;
    const result = await person.api.call("POST", person.path("/feedback"), {
      json: { completion: item.id, choice: this.#columns[kind].choice, reward },
    });
    item.verdicts = { ...item.verdicts, [kind]: reward };
    this.#save();
    const { before, after } = result.completions[0].logprob;
    const word = after > before ? "likelier" : "less likely";
    const note = el(
      "span",
      { class: "quiet-text", role: "status" },
      result.learned_tokens ? `Such an answer is ${word} now.` : "Noted.",
    );
    const { verdicts } = this.#columns[kind];
    fill(verdicts, this.#thumb(kind, 1), this.#thumb(kind, -1), note);
    verdicts.querySelector(`[aria-pressed="true"]`)?.focus();
    person.changed();
  }
}
