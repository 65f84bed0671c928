// Pieces that several views show.

import { askingButton, announce, el, styled } from "./dom.js";
import { ago, bits, gain, moment, percent, plural } from "./format.js";

export function time(value) {
  return el("time", { datetime: new Date(value).toISOString(), title: moment(value) }, ago(value));
}

/** Two bars, one above the other: how surprised each model was by a text. Shorter is better. */
export function bars({ frozen, adapted }) {
  const most = Math.max(frozen, adapted, 1e-9);
  const row = (kind, label, value) =>
    el(
      "div",
      { class: `measure ${kind}` },
      el("dt", {}, label),
      el(
        "dd",
        {},
        styled(el("span", { class: "measure-bar", "aria-hidden": "true" }), "--share", value / most),
        el("span", { class: "figure" }, bits(value)),
      ),
    );
  return el(
    "dl",
    { class: "measures" },
    row("frozen", "Frozen", frozen),
    row("yours", "Yours", adapted),
  );
}

/** "Yours was 23 % less surprised", in words that are true both ways. */
export function gainText(measured) {
  const value = gain(measured);
  if (Math.abs(value) < 0.5) return "Both were as surprised by it.";
  return value > 0
    ? `Yours was ${percent(value)} less surprised than the frozen core.`
    : `Yours was ${percent(-value)} more surprised than the frozen core.`;
}

export const UNIT = "bits per byte; less is better";

/** What a receipt says happened, in a sentence. */
export function receiptText(receipt) {
  const again = receipt.replayed_events;
  const after = again ? ` ${plural(again, "event was", "events were")} learned again without it.` : "";
  return `Forgotten, to the byte.${after}`;
}

/**
 * *Forget*, for an event.
 * @param {import("./person.js").Person} person
 * @param {(receipt: Object) => void} [onDone]
 */
export function forgetButton(person, event, about, onDone = () => {}) {
  return askingButton(
    "Forget",
    "For good?",
    async () => {
      const receipt = await person.forget(event);
      announce(receiptText(receipt));
      onDone(receipt);
    },
    { name: `Forget: ${about}` },
  );
}

const KINDS = {
  observe: "Read", completion: "Heard in talk", feedback: "A verdict", import: "An import",
  merge: "A merge", reset: "A reset", restore: "A restore", checkpoint: "A checkpoint",
  forget: "Something forgotten",
};

export const kindName = (kind) => KINDS[kind] ?? kind;

/** What an event was about, in its own words where it has any. */
export function eventText(event) {
  const text = event.text ?? event.preview;
  if (text) return event.preview ? `${text.trimEnd()}…` : text;
  const verdict = event.verdicts?.[0];
  if (verdict) {
    const said = (verdict.answer ?? verdict.answer_preview ?? "").trim();
    return `${verdict.reward > 0 ? "Liked" : "Disliked"}: ${said || "an answer"}`;
  }
  if (event.target) return `Checkpoint ${event.target}`;
  if (event.kind === "reset") return "Back to the frozen core";
  return "";
}

/** Whether an event brought something that can be forgotten. */
export const isForgettable = (event) =>
  !event.forgotten && ["observe", "completion", "feedback", "import"].includes(event.kind);

/** What stands where there is nothing yet. */
export function empty(title, ...body) {
  return el("div", { class: "empty" }, el("h2", {}, title), body);
}
