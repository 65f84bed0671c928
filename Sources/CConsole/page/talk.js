// Talking and teaching: the conversation and what one says next.

import { announce, during, el, fill, icon, notify } from "./dom.js";
import { AnswerCard } from "./answer.js";
import { canChat } from "./generation.js";
import { Lesson, LessonCard, readable } from "./lesson.js";
import { empty } from "./parts.js";
import { memo, tabMemo } from "./person.js";

/** Turns of a conversation that go with a question. */
const TURNS = 24;

export class Talk {
  title = "Talk";
  #person;
  #items = [];
  #cards = new Map();
  #controller = null;
  #log = el("div", { class: "talk-log", role: "log", "aria-label": "Conversation", "aria-live": "off" });
  #teaches = false;

  constructor(person) {
    this.#person = person;
    this.node = el("section", { class: "talk", "aria-label": "Talk" }, this.#log, this.#composer());
    person.addEventListener("person", () => this.#load());
    person.addEventListener("events", () => this.#cards.forEach((card) => card.update()));
    this.#load();
  }

  focus() {
    if (!matchMedia("(pointer: coarse)").matches) this.text.focus();
  }

  // MARK: the conversation

  get #memoName() {
    return `hebb.talk.${this.#person.id}`;
  }

  #load() {
    try {
      this.#items = JSON.parse(tabMemo.get(this.#memoName) ?? "[]");
    } catch {
      this.#items = [];
    }
    this.#show();
  }

  #show() {
    this.#cards.clear();
    this.#log.replaceChildren();
    this.#words();
    if (!this.#items.length) return void fill(this.#log, this.#welcome());
    for (const item of this.#items) this.#add(item);
  }

  #add(item) {
    if (!this.#cards.size) this.#log.replaceChildren();
    const card = item.kind === "lesson"
      ? new LessonCard(this.#person, item)
      : new AnswerCard(this.#person, item, () => this.#save());
    this.#cards.set(item, card);
    this.#log.append(card.node);
    return card;
  }

  #save() {
    // What is under way is not kept: nobody would end it after a reload.
    const done = this.#items.filter((item) => !item.isUnderWay).slice(-100);
    tabMemo.set(this.#memoName, JSON.stringify(done));
  }

  #clear() {
    this.#controller?.abort();
    this.#items = [];
    this.#save();
    this.#show();
    announce("A new conversation. What was learned stays.");
    this.text.focus();
  }

  #welcome() {
    const person = this.#person;
    const name = person.model?.id ?? "The model";
    const asks = canChat()
      ? "Ask it something, in your words."
      : `${name} continues texts. Begin a sentence, and it goes on.`;
    const example = (text, isLesson) =>
      el(
        "button",
        { type: "button", class: "example", onclick: () => this.#begin(text, isLesson) },
        el("span", { class: "example-kind" }, isLesson ? "Teach" : canChat() ? "Ask" : "Continue"),
        el("span", { class: "words" }, text),
      );
    return empty(
      "A model that learns from you",
      el("p", {}, asks, " Then teach it something it cannot know, and ask again: on the left your own model answers, on the right the frozen one that everybody starts with."),
      el(
        "div",
        { class: "examples" },
        example("The quorvath hums at dusk. A struck bell is answered by the quorvath.", true),
        example(canChat() ? "What hums at dusk?" : "The quorvath", false),
      ),
      el("p", { class: "quiet-text" }, "What it learned, it keeps on this machine. You can look at all of it, and make it forget any of it, to the byte."),
    );
  }

  #begin(text, isLesson) {
    this.#setTeaching(isLesson);
    this.text.value = text;
    this.#fit();
    this.text.focus();
  }

  // MARK: what one says next

  #composer() {
    this.text = el("textarea", {
      id: "say",
      rows: 1,
      autocomplete: "off",
      oninput: () => this.#fit(),
      onkeydown: (event) => {
        const isSend = event.key === "Enter" && !event.shiftKey && !event.isComposing;
        if (!isSend || matchMedia("(pointer: coarse)").matches) return;
        event.preventDefault();
        this.#submit();
      },
    });
    this.label = el("label", { for: "say", class: "unseen" }, "Say");
    this.sendButton = el("button", { type: "submit", class: "round primary" });
    this.modes = ["ask", "teach"].map((mode) =>
      el("input", {
        type: "radio", name: "mode", value: mode, id: `mode-${mode}`, checked: mode === "ask",
        onchange: () => this.#setTeaching(mode === "teach"),
      }),
    );
    this.askLabel = el("label", { for: "mode-ask" }, "Ask");
    const files = el("input", {
      type: "file", id: "files", class: "unseen", multiple: true, tabindex: -1, "aria-hidden": "true",
      onchange: () => {
        this.#teachFiles([...files.files]);
        files.value = "";
      },
    });
    this.learns = this.#choice("hebb.learns", "Learn from what I say", true);
    this.compares = this.#choice("hebb.compares", "Beside the frozen core", true);
    const daring = el("input", {
      type: "range", min: 0, max: 1, step: 0.1, value: memo.get("hebb.daring") ?? "0",
      "aria-label": "Daring: 0 says what is likeliest", onchange: () => memo.set("hebb.daring", daring.value),
    });
    this.daring = daring;
    const form = el(
      "form",
      { class: "composer", onsubmit: (event) => (event.preventDefault(), this.#submit()) },
      el(
        "div",
        { class: "composer-top" },
        el(
          "fieldset",
          { class: "segments" },
          el("legend", { class: "unseen" }, "What to do with it"),
          this.modes[0], this.askLabel, this.modes[1],
          el("label", { for: "mode-teach" }, "Teach"),
        ),
        el("button", { type: "button", class: "quiet end", onclick: () => this.#clear() }, "New conversation"),
      ),
      el(
        "div",
        { class: "composer-row" },
        el(
          "button",
          { type: "button", class: "round", "aria-label": "Teach from files", title: "Teach from files", onclick: () => files.click() },
          icon("attach"),
        ),
        files, this.label, this.text, this.sendButton,
      ),
      el(
        "div",
        { class: "composer-options" },
        this.learns.node, this.compares.node,
        el("label", { class: "option" }, "Daring", daring),
      ),
    );
    this.form = form;
    this.#setTeaching(false);
    return form;
  }

  #choice(name, label, standard) {
    const box = el("input", {
      type: "checkbox", checked: (memo.get(name) ?? String(standard)) === "true",
      onchange: () => memo.set(name, String(box.checked)),
    });
    return { node: el("label", { class: "option" }, box, label), get isOn() { return box.checked; } };
  }

  #setTeaching(teaches) {
    this.#teaches = teaches;
    this.modes[0].checked = !teaches;
    this.modes[1].checked = teaches;
    this.#words();
  }

  /** Says on the controls what they do now. */
  #words() {
    const ask = canChat() ? "Ask" : "Continue";
    this.askLabel.textContent = ask;
    const isBusy = this.#controller !== null;
    const name = isBusy ? "Stop" : this.#teaches ? "Teach" : ask;
    this.sendButton.setAttribute("aria-label", name);
    this.sendButton.title = name;
    fill(this.sendButton, icon(isBusy ? "stop" : "send"));
    this.label.textContent = this.#teaches ? "What to teach" : ask === "Ask" ? "Your question" : "The beginning";
    this.text.placeholder = this.#teaches
      ? "Something it should know…"
      : ask === "Ask" ? "Ask something…" : "Begin a sentence…";
  }

  #fit() {
    this.text.style.setProperty("height", "auto");
    this.text.style.setProperty("height", `${Math.min(this.text.scrollHeight, 240)}px`);
  }

  #submit() {
    if (this.#controller) return void this.#controller.abort();
    const text = this.text.value.trim();
    if (!text) return void this.text.focus();
    this.text.value = "";
    this.#fit();
    if (this.#teaches) this.#teach([new Lesson(text)]);
    else this.#ask(text);
  }

  // MARK: asking

  async #ask(text) {
    const person = this.#person;
    const messages = this.#items
      .filter((item) => item.kind === "ask" && item.yours)
      .slice(-TURNS)
      .flatMap((item) => [
        { role: "user", content: item.text },
        { role: "assistant", content: item.yours },
      ]);
    const item = {
      kind: "ask", text, at: Date.now(), yours: "", isUnderWay: true,
      frozen: this.compares.isOn ? "" : null,
    };
    this.#items.push(item);
    const card = this.#add(item);
    card.node.scrollIntoView({ block: "end" });
    this.#controller = new AbortController();
    this.#words();
    await card.ask(
      {
        messages: [...messages, { role: "user", content: text }],
        compare: this.compares.isOn,
        learn: this.learns.isOn,
        temperature: Number(this.daring.value),
        tokens: canChat() ? 200 : 60,
      },
      this.#controller.signal,
    );
    this.#controller = null;
    item.isUnderWay = false;
    this.#words();
    this.#save();
    announce(item.error ? `No answer: ${item.error}` : `Yours: ${item.yours.trim() || "nothing"}`);
    if (item.learned) person.changed();
  }

  // MARK: teaching

  async #teach(lessons) {
    for (const lesson of lessons) {
      const item = { kind: "lesson", ...lesson.facts, isUnderWay: true };
      this.#items.push(item);
      const card = this.#add(item);
      card.node.scrollIntoView({ block: "end" });
      await card.teach(lesson);
      item.isUnderWay = false;
      this.#save();
      announce(card.summary);
    }
  }

  async #teachFiles(files) {
    const lessons = [];
    for (const file of files) {
      try {
        lessons.push(new Lesson(await readable(file), file.name));
      } catch (error) {
        notify(error, { about: file.name });
      }
    }
    if (lessons.length) await during(this.sendButton, () => this.#teach(lessons));
  }

  /** Files that were let fall on the page. */
  drop(files) {
    this.#teachFiles(files);
  }
}
