// How the model grows, and that it stays within its bounds.

import { during, el, fill, styled } from "./dom.js";
import { bits, bytes, count, gain, percent, plural } from "./format.js";
import { curve } from "./curve.js";
import { UNIT, bars, empty, gainText, time } from "./parts.js";
import { gauge } from "./gauge.js";

const MONITORS = {
  repetition: ["Repeats itself", "how much of its answers it has said before"],
  hidden_similarity: ["Thinks one thought", "how alike its states are from word to word"],
  entropy_drift: ["Too sure, or not sure", "how far its certainty moved from the core's"],
  logprob_drift: ["Praises itself", "how much likelier its answers are to it than to the core"],
  divergence: ["Strays", "how far its answers are from what the core would say"],
  distribution_rank: ["Grows narrow", "how many directions its predictions still use"],
};

export class Growth {
  title = "Growth";
  #person;

  constructor(person) {
    this.#person = person;
    this.curve = el("div", { class: "card" });
    this.zone = el("div", { class: "card" });
    this.proof = el("div", { class: "card" });
    this.watch = el("div", { class: "card" });
    this.node = el(
      "section",
      { class: "growth", "aria-label": "Growth" },
      this.curve,
      el("div", { class: "pair" }, this.zone, this.proof),
      this.#tryOut(), this.watch,
    );
    person.addEventListener("events", () => this.node.isConnected && this.show());
  }

  show() {
    this.#curve();
    this.#safety();
  }

  #curve() {
    const points = this.#person.events
      .filter((event) => event.bits_per_byte && !event.forgotten)
      .map((event) => ({ at: event.created, tokens: event.tokens, ...event.bits_per_byte }));
    fill(
      this.curve,
      el("h2", {}, "Learning curve"),
      points.length < 2
        ? empty("Two lessons make a line", el("p", {}, "Each text that it learns is a point here: how surprised the frozen core was by it, and how surprised yours was, before it learned it."))
        : curve(points),
    );
  }

  async #safety() {
    const person = this.#person;
    if (!person.session) {
      for (const part of [this.zone, this.proof, this.watch]) part.hidden = true;
      return;
    }
    try {
      const report = await person.api.get(person.path("/safety"));
      this.#zone(report);
      this.#proof(report.certificate);
      this.#watch(report);
      for (const part of [this.zone, this.proof, this.watch]) part.hidden = false;
    } catch (error) {
      fill(this.zone, el("h2", {}, "Safe zone"), el("p", { class: "quiet-text" }, error.message));
    }
  }

  #zone({ bounds, engram, divergence }) {
    const share = (value, most, name, text) =>
      el(
        "div",
        { class: "meter-row" },
        el("dt", {}, name),
        el(
          "dd",
          {},
          styled(el("span", { class: "meter", "aria-hidden": "true" }), "--share", Math.min(1, value / most)),
          el("span", { class: "figure" }, text),
        ),
      );
    fill(
      this.zone,
      el("h2", {}, "Safe zone"),
      gauge(divergence.kl_mean, divergence.kl_max, bounds.kl_max),
      el("p", { class: "quiet-text" }, `At a single word it went ${divergence.kl_max.toFixed(1)} nats from the frozen core. It cannot pass ${bounds.kl_max}, whatever it learned.`),
      el(
        "dl",
        { class: "meters" },
        share(engram.synapses, bounds.synapses, "Synapses", `${count(engram.synapses)} of ${count(bounds.synapses)}`),
        share(engram.contexts, bounds.contexts, "Orders of words", `${count(engram.contexts)} of ${count(bounds.contexts)}`),
      ),
      el("p", { class: "quiet-text" }, `${count(engram.episodes)} remembered places; ${bytes(engram.bytes)} in all.`),
    );
  }

  #proof(certificate) {
    const isSure = certificate.certified_gain_percent > 0;
    fill(
      this.proof,
      el("h2", {}, "Does it help?"),
      el("p", { class: "big" }, percent(certificate.measured_gain_percent, 1), el("span", {}, " fewer bits")),
      el("p", {}, `Measured on the ${plural(certificate.tokens, "token")} that others wrote, each guessed before it was learned.`),
      el("p", { class: isSure ? "good" : "quiet-text" }, isSure
        ? `At least ${percent(certificate.certified_gain_percent, 1)}, with ${percent(100 * certificate.confidence)} confidence, however long one looks.`
        : "Too little text yet to be sure of it."),
      certificate.forecast && el("p", { class: "quiet-text" },
        `For the next ${count(certificate.forecast.block_tokens)} tokens: at least ${percent(certificate.forecast.next_block_gain_percent_at_least, 1)}, with ${percent(100 * certificate.forecast.confidence)} confidence.`),
    );
  }

  #watch({ monitors, learning_from_completions: learning, last_audit: audit }) {
    const rows = Object.entries(monitors).map(([name, monitor]) => {
      const [title, about] = MONITORS[name] ?? [name, ""];
      const state = monitor.value === null ? "not enough to say" : monitor.firing ? "watch this" : "calm";
      return el(
        "li",
        { class: monitor.firing ? "monitor firing" : "monitor" },
        el("span", { class: "monitor-name" }, title, el("span", { class: "quiet-text" }, ` ${about}`)),
        el("span", { class: "monitor-state" }, state),
      );
    });
    fill(
      this.watch,
      el("h2", {}, "What is watched"),
      el("ul", { class: "monitors" }, rows),
      el("p", { class: "quiet-text" }, learning === "paused"
        ? "It does not learn from its own answers for now, since several of these are raised."
        : "It may learn from its own answers."),
      audit?.created && el("p", { class: "quiet-text" }, "Last audit against the constitution: ", time(audit.created)),
    );
  }

  /** Measures any text, and shows word by word where learning helped. */
  #tryOut() {
    const text = el("textarea", { id: "try", class: "words", rows: 3, placeholder: "Any text. It is measured, and not learned." });
    const result = el("div", { "aria-live": "polite" });
    const button = el("button", { type: "button", class: "primary" }, "Measure");
    button.addEventListener("click", () => during(button, async () => {
      if (!text.value.trim()) return text.focus();
      const score = await this.#person.api.call("POST", this.#person.path("/score"), {
        json: { text: text.value, per_token: true, parse_special: false },
      });
      fill(
        result,
        bars(score.bits_per_byte),
        el("p", { class: "quiet-text" }, `${gainText(score.bits_per_byte)} (${UNIT})`),
        el("p", { class: "heat words" }, score.per_token.slice(0, 1500).map(heated)),
        el("p", { class: "quiet-text" }, "Shaded: words that yours expected more than the frozen core did."),
      );
    }));
    return el(
      "div",
      { class: "card" },
      el("h2", {}, "Measure a text"),
      el("label", { for: "try", class: "unseen" }, "A text to measure"),
      text,
      el("div", { class: "row" }, button),
      result,
    );
  }
}

/** A word with as much shade as learning took off its surprise. */
function heated({ text, frozen, adapted }) {
  const saved = Math.max(0, Math.min(1, (frozen - adapted) / 8));
  return styled(
    el("span", { class: saved > 0.02 ? "warm" : null, title: `${bits(frozen)} → ${bits(adapted)} bits` }, text),
    "--share", saved.toFixed(2),
  );
}

/** The figures of a session beside the view: who, how much, what it gained. */
export function standing(person) {
  const { session, events } = person;
  const latest = events.findLast((event) => event.bits_per_byte && !event.forgotten);
  return [
    el("h2", { class: "aside-title" }, person.user, el("span", { class: "quiet-text" }, ` / ${person.name}`)),
    session?.tokens_learned
      ? [
        el("p", { class: "big" }, count(session.tokens_learned), el("span", {}, " tokens learned")),
        latest && [
          el("h3", {}, "The last lesson"),
          bars(latest.bits_per_byte),
          el("p", { class: "quiet-text" }, gain(latest.bits_per_byte) > 0.5
            ? `${percent(gain(latest.bits_per_byte))} less surprise, before it learned it.`
            : "New to both."),
        ],
        el("p", { class: "quiet-text" }, "Changed ", time(session.updated)),
      ]
      : el("p", { class: "quiet-text" }, "The frozen core, as everybody starts with it. Teach it something."),
  ];
}
