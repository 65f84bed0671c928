// A writing surface: the personal model goes on with the text while one thinks.

import { announce, during, el, fill, put } from "./dom.js";
import { continuation } from "./generation.js";
import { plural } from "./format.js";
import { UNIT, bars, forgetButton, gainText } from "./parts.js";
import { memo } from "./person.js";

const SUGGEST_SECONDS = 0.35;
const MEASURE_SECONDS = 1.2;
/** Before this many letters a figure says nothing. */
const MEASURED_LETTERS = 24;
/** What goes before the caret to the model, letters: about what a core of 1,024 tokens reads. */
const CONTEXT_LETTERS = 2400;
const MEASURED_LETTERS_MAXIMUM = 8000;

export class Write {
  title = "Write";
  #person;
  #suggestion = "";
  #asked = null;
  #timers = {};
  /** What of the text was taught already, from its beginning. */
  #taught = "";

  constructor(person) {
    this.#person = person;
    this.text = el("textarea", {
      id: "writing", class: "writing words", rows: 10, spellcheck: "true", autocomplete: "off",
      placeholder: "Write. When you pause, your model goes on in grey.",
      "aria-describedby": "writing-hint",
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
      onselect: () => this.#suggestion && !this.#isAtEnd && this.#drop(),
    });
    this.before = el("span", { class: "mirror-text" });
    this.ghost = el("span", { class: "ghost" });
    const mirror = el("div", { class: "mirror words", "aria-hidden": "true" }, this.before, this.ghost);
    this.hint = el("p", { class: "quiet-text", id: "writing-hint" });
    this.take = el(
      "button",
      { type: "button", class: "quiet", hidden: true, onclick: () => (this.#accept(), this.text.focus()) },
      "Take it",
    );
    this.teach = el("button", { type: "button", class: "primary", onclick: () => this.#teach() }, "Teach this");
    this.measure = el("div", { class: "card measure-card" });
    this.lessons = el("div", {});
    this.node = el(
      "section",
      { class: "writer", "aria-label": "Write" },
      el("label", { for: "writing", class: "unseen" }, "Your text"),
      el("div", { class: "surface" }, mirror, this.text),
      el("div", { class: "row writer-foot" }, this.hint, this.take, el("span", { class: "grow" }), this.teach),
      this.lessons,
      this.measure,
    );
    person.addEventListener("person", () => this.#load());
    person.addEventListener("session", () => this.#later("measure", MEASURE_SECONDS, () => this.#measure()));
    this.#load();
  }

  focus() {
    this.text.focus();
  }

  hide() {
    this.#drop();
  }

  get #memoName() {
    return `hebb.draft.${this.#person.id}`;
  }

  #load() {
    this.text.value = memo.get(this.#memoName) ?? "";
    this.#taught = "";
    fill(this.lessons);
    this.#drop();
    this.#mirror();
    this.#later("measure", 0, () => this.#measure());
  }

  #later(what, seconds, act) {
    clearTimeout(this.#timers[what]);
    this.#timers[what] = setTimeout(act, 1000 * seconds);
  }

  #mirror() {
    this.before.textContent = this.text.value;
    this.ghost.textContent = this.#suggestion;
    this.take.hidden = !this.#suggestion;
    this.hint.textContent = this.#suggestion
      ? "Tab takes the grey words, Escape drops them."
      : "Pause, and your model goes on.";
    this.teach.disabled = !this.#untaught.trim();
  }

  get #isAtEnd() {
    const { selectionStart, selectionEnd, value } = this.text;
    return selectionStart === value.length && selectionEnd === value.length;
  }

  // MARK: going on

  #typed() {
    memo.set(this.#memoName, this.text.value || null);
    const typed = this.text.value.slice(this.before.textContent.length);
    const isAhead = typed && this.text.value.startsWith(this.before.textContent) && this.#suggestion.startsWith(typed);
    if (isAhead) {
      // One writes what was suggested: what is left of it stands.
      this.#suggestion = this.#suggestion.slice(typed.length);
    } else {
      this.#drop();
    }
    this.#mirror();
    if (!this.#suggestion) this.#later("suggest", SUGGEST_SECONDS, () => this.#suggest());
    this.#later("measure", MEASURE_SECONDS, () => this.#measure());
  }

  #drop() {
    this.#asked?.abort();
    clearTimeout(this.#timers.suggest);
    this.#suggestion = "";
    this.#mirror();
  }

  async #suggest() {
    const text = this.text.value;
    if (!text.trim() || !this.#isAtEnd || !this.#person.model || this.#person.api.isAway) return;
    this.#asked?.abort();
    const asked = (this.#asked = new AbortController());
    try {
      // A space at the end is of the next token, which begins with one.
      const given = text.replace(/ $/, "");
      let words = await continuation(this.#person, given.slice(-CONTEXT_LETTERS), asked.signal);
      if (asked.signal.aborted || this.text.value !== text) return;
      if (given !== text) words = words.replace(/^ /, "");
      // A sentence is enough to judge.
      const end = words.search(/[.!?]\s|\n/);
      this.#suggestion = (end >= 0 ? words.slice(0, end + 1) : words).trimEnd();
      this.#mirror();
      if (this.#suggestion) announce(`Suggestion: ${this.#suggestion.trim()}. Tab takes it.`);
    } catch {
      // No suggestion is no harm; that the server is away, the page says.
    }
  }

  #key(event) {
    if (!this.#suggestion || event.isComposing) return;
    if (event.key === "Escape") {
      event.preventDefault();
      this.#drop();
      announce("Dropped.");
    } else if (event.key === "Tab" && !event.shiftKey && this.#isAtEnd) {
      event.preventDefault();
      this.#accept();
    }
  }

  #accept() {
    const { value } = this.text;
    this.text.setRangeText(this.#suggestion, value.length, value.length, "end");
    this.#suggestion = "";
    this.#typed();
  }

  // MARK: learning and measuring

  get #untaught() {
    const { value } = this.text;
    return value.startsWith(this.#taught) ? value.slice(this.#taught.length) : value;
  }

  async #teach() {
    const text = this.#untaught;
    const whole = this.text.value;
    await during(this.teach, async () => {
      const seen = await this.#person.learn(text, { onWait: (text) => (this.hint.textContent = text) });
      this.#taught = whole;
      announce(`Learned ${plural(seen.tokens, "token")}.`);
      const note = el("p", { class: "learned" }, `Learned ${plural(seen.tokens, "token")}, on disk. `);
      put(note, forgetButton(this.#person, seen.event, text.trim().slice(0, 60), () => {
        this.#taught = "";
        note.remove();
        this.#mirror();
        this.text.focus();
      }));
      fill(this.lessons, note);
    });
    this.#mirror();
  }

  async #measure() {
    const text = this.text.value.slice(-MEASURED_LETTERS_MAXIMUM);
    if (text.trim().length < MEASURED_LETTERS) {
      return void fill(this.measure, el("p", { class: "quiet-text" }, "After a line or so, you see here how well your model knows what you write."));
    }
    if (!this.node.isConnected || !this.#person.model || this.#person.api.isAway) return;
    try {
      const score = await this.#person.api.call("POST", this.#person.path("/score"), {
        json: { text, parse_special: false },
      });
      if (!this.text.value.endsWith(text)) return;
      fill(
        this.measure,
        el("h2", { class: "small" }, "How surprised each is by this text"),
        bars(score.bits_per_byte),
        el("p", { class: "quiet-text" }, `${gainText(score.bits_per_byte)} (${UNIT})`),
      );
    } catch {
      // Measured again at the next pause.
    }
  }
}
