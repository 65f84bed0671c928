// Teaching a text or a file: in pieces, each learned once, with what it came to.

import { el, fill, put, styled } from "./dom.js";
import { freshKey } from "./api.js";
import { bytes, plural } from "./format.js";
import { UNIT, bars, forgetButton, gainText } from "./parts.js";

/** A piece is what fits one request well, and one event to forget: some pages. */
const PIECE = 6000;
/** What the server takes of one text, and more than anybody wants to wait for here. */
const LARGEST = 4 << 20;

/** A file's text; refuses what is none, by name. */
export async function readable(file) {
  if (file.size > LARGEST) {
    throw new Error(`has ${bytes(file.size)}. This page teaches files of up to ${bytes(LARGEST)}; hebb observe takes larger ones.`);
  }
  if (!file.size) throw new Error("is empty.");
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error("is not UTF-8 text. Save it as plain text first.");
  }
  if (text.includes("\u0000")) throw new Error("is not text.");
  return text.replace(/\r\n?/g, "\n");
}

/** A text to be taught, with the keys under which each piece is learned once, however often sent. */
export class Lesson {
  constructor(text, name = "") {
    this.name = name;
    this.pieces = pieces(text).map((text) => ({ text, key: freshKey() }));
    this.facts = {
      name, at: Date.now(), preview: text.trim().slice(0, 400), pieces: this.pieces.length, events: [],
    };
  }
}

/** Cuts where a paragraph ends, else a line, else a word. */
function pieces(text) {
  const cut = [];
  let rest = text;
  while (rest.length > PIECE) {
    const window = rest.slice(0, PIECE);
    const at = ["\n\n", "\n", " "]
      .map((mark) => window.lastIndexOf(mark) + mark.length)
      .find((at) => at > PIECE / 3) ?? PIECE;
    // Not between the halves of a character.
    const end = /[\uD800-\uDBFF]/.test(rest[at - 1]) ? at - 1 : at;
    cut.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  if (rest.trim()) cut.push(rest);
  return cut;
}

export class LessonCard {
  #person;
  #item;
  #body = el("div", { class: "lesson-body" });
  summary = "";

  /** @param {Object} item what is kept: `name`, `preview`, `events`, `measured`, `tokens`, `error` */
  constructor(person, item) {
    this.#person = person;
    this.#item = item;
    this.node = el(
      "article",
      { class: "turn lesson", "aria-label": "Something taught" },
      el("h2", {}, item.name ? `Taught from ${item.name}` : "Taught"),
      el("p", { class: "words lesson-text" }, item.preview),
      this.#body,
    );
    if (!item.isUnderWay) this.#show();
  }

  /** Has it learned, piece by piece. Never throws. */
  async teach(lesson) {
    const item = this.#item;
    const bar = el("progress", { max: lesson.pieces.length, value: 0, "aria-label": "Learned so far" });
    const note = el("span", { class: "quiet-text" }, "Learning…");
    const controller = new AbortController();
    const stop = el("button", { type: "button", class: "quiet", onclick: () => controller.abort() }, "Stop");
    fill(this.#body, el("div", { class: "row" }, lesson.pieces.length > 1 && bar, note, lesson.pieces.length > 1 && stop));
    const sum = { bytes: 0, frozen: 0, adapted: 0 };
    item.tokens = 0;
    try {
      for (const [index, piece] of lesson.pieces.entries()) {
        const seen = await this.#person.learn(piece.text, {
          key: piece.key, signal: controller.signal, onWait: (text) => (note.textContent = text),
        });
        item.events.push(seen.event);
        item.tokens += seen.tokens;
        sum.bytes += seen.bytes;
        sum.frozen += seen.bytes * seen.bits_per_byte.frozen;
        sum.adapted += seen.bytes * seen.bits_per_byte.adapted;
        item.measured = { frozen: sum.frozen / sum.bytes, adapted: sum.adapted / sum.bytes };
        bar.value = index + 1;
        note.textContent = `Learning… ${index + 1} of ${lesson.pieces.length}`;
      }
    } catch (error) {
      item.error = error.name === "AbortError" ? "Stopped; what was learned before stays." : error.message;
    }
    this.#show();
  }

  #show() {
    const item = this.#item;
    this.summary = item.error ?? `Learned ${plural(item.tokens, "token")}.`;
    fill(this.#body);
    if (item.error) put(this.#body, el("p", { class: "trouble", role: "alert" }, item.error));
    if (!item.events.length) return;
    const gone = this.#person.events.filter((event) => item.events.includes(event.id) && event.forgotten);
    if (gone.length === item.events.length) {
      return void put(this.#body, el("p", { class: "quiet-text" }, "Forgotten, to the byte."));
    }
    put(
      this.#body,
      el("p", { class: "lesson-fact" }, `Learned ${plural(item.tokens, "token")}, on disk. `,
        el("span", { class: "quiet-text" }, gainText(item.measured), " Each word was guessed before it was learned.")),
      styled(bars(item.measured), "--unit", `"${UNIT}"`),
      el("div", { class: "row" }, this.#forget()),
    );
  }

  #forget() {
    const events = this.#item.events;
    if (events.length > 1) {
      return el("a", { href: "#/memory", class: "link" }, `${plural(events.length, "piece")}, each to be forgotten in Memory`);
    }
    return forgetButton(this.#person, events[0], this.#item.preview.slice(0, 60), () => this.#show());
  }

  update() {
    if (!this.#item.isUnderWay && !this.node.contains(document.activeElement)) this.#show();
  }
}
