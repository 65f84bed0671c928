// Why the personal model answered as it did: what it recalled and from when, with *forget* beside.

import { el } from "./dom.js";
import { percent } from "./format.js";
import { eventText, forgetButton, isForgettable, kindName, time } from "./parts.js";

const SHOWN = 4;

/**
 * @param {Object} item an answer's item, with its `plasticity`
 * @param {() => void} redraw called when something here was forgotten
 */
export function whyPanel(person, item, redraw) {
  const { recalled } = item.plasticity;
  const forgotten = () => {
    item.isOutdated = true;
    redraw();
  };
  const rows = recalled ? recalledRows(person, recalled, forgotten) : likelyRows(person, item, forgotten);
  const title = recalled
    ? "What it recalled while it answered"
    : "What it has learned that shares words with this";
  return [
    el("h3", {}, title),
    item.isOutdated && el("p", { role: "status" }, "Forgotten. Ask again to see what is left."),
    rows.length
      ? el("ul", { class: "sources" }, rows)
      : el("p", { class: "quiet-text" }, recalled ? "Nothing: the core's own words." : "Nothing so far."),
    distance(item.plasticity),
  ];
}

function recalledRows(person, recalled, forgotten) {
  const most = Math.max(...recalled.map((one) => one.weight ?? 0), 1e-9);
  return recalled.slice(0, 2 * SHOWN).map((one) => {
    const event = person.events.find((event) => event.id === one.event);
    return row(person, event, one.event, one.saying ?? one.text ?? "", (one.weight ?? 0) / most, forgotten);
  });
}

/** Without a record of what was recalled: texts with words of the question or the answer. */
function likelyRows(person, item, forgotten) {
  const words = new Set(wordsOf(`${item.text} ${item.yours}`));
  return person.events
    .filter(isForgettable)
    // The question itself is no source of its answer.
    .filter((event) => !item.learned || event.revision !== item.plasticity.revision_after)
    .map((event) => {
      const own = new Set(wordsOf(eventText(event)));
      return { event, shared: [...own].filter((word) => words.has(word)).length };
    })
    .filter(({ shared }) => shared > 0)
    .sort((a, b) => b.shared - a.shared || b.event.revision - a.event.revision)
    .slice(0, SHOWN)
    .map(({ event }) => row(person, event, event.id, eventText(event), null, forgotten));
}

const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu) ?? [];

function row(person, event, id, text, share, onForgotten) {
  const isThere = event ? isForgettable(event) : true;
  const words = el("q", { class: "words" }, text.trim());
  return el(
    "li",
    {},
    el("div", { class: "source-text" }, words),
    el(
      "div",
      { class: "source-foot" },
      event && el("span", {}, kindName(event.kind), " ", time(event.created)),
      share !== null && el("span", {}, `weight ${percent(100 * share)}`),
      isThere
        ? forgetButton(person, id, text.slice(0, 60), onForgotten)
        : el("span", {}, "forgotten"),
    ),
  );
}

/** How far the answer was from the frozen core's, in plain words. */
function distance({ kl_mean: mean, kl_max: most }) {
  if (typeof mean !== "number") return null;
  const far = mean < 0.05 ? "hardly differed" : mean < 0.5 ? "differed a little" : "differed much";
  return el(
    "p",
    { class: "quiet-text" },
    `Word for word, yours ${far} from the frozen core here: ${mean.toFixed(2)} nats on average, ${most.toFixed(2)} at most.`,
  );
}
