// Who one is: a name, or a key that says it; which session; how the page looks.

import { announce, during, el, fill, icon } from "./dom.js";
import { isName, memo } from "./person.js";

const THEMES = [["system", "As the system"], ["light", "Light"], ["dark", "Dark"]];

export function applyTheme() {
  document.documentElement.dataset.theme = memo.get("hebb.theme") ?? "system";
}

export class Account {
  #person;

  constructor(person) {
    this.#person = person;
    this.label = el("span", { class: "account-name" });
    this.button = el(
      "button",
      { type: "button", class: "account", "aria-haspopup": "dialog", onclick: () => this.open() },
      icon("person"), this.label,
    );
    this.dialog = el("dialog", { class: "dialog", "aria-label": "Who are you?" });
    document.body.append(this.dialog);
    person.addEventListener("person", () => this.#show());
    // A server with keys asks for one; the dialog asks the person.
    person.api.addEventListener("locked", () => this.dialog.open || this.open({ isLocked: true }));
    this.#show();
  }

  #show() {
    const { user, name } = this.#person;
    this.label.textContent = name === "default" ? user : `${user} / ${name}`;
    this.button.setAttribute("aria-label", `You are ${user}, session ${name}. Change`);
  }

  async open({ isLocked = false } = {}) {
    const person = this.#person;
    const said = isLocked ? "This server asks for your key." : "";
    const trouble = el("p", { class: "trouble", role: "alert" }, person.api.key && isLocked ? "That key is not known here." : "");
    const user = this.#field("account-user", "Your name", { value: person.user, autocomplete: "username", maxlength: 256 });
    const key = this.#field("account-key", "Your key, if the server has keys", {
      type: "password", value: person.api.key, autocomplete: "current-password", spellcheck: "false",
    });
    const session = this.#field("account-session", "Session", { value: person.name, list: "account-sessions", maxlength: 64, autocomplete: "off" });
    const sessions = el("datalist", { id: "account-sessions" });
    const go = el("button", { type: "submit", class: "primary" }, "Go on");
    const form = el(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          during(go, () => this.#submit(user.input, key.input, session.input, trouble));
        },
      },
      el("h2", {}, "Who are you?"),
      el("p", { class: "quiet-text" }, said || "Each name has a model of its own. Another name, another model."),
      trouble, user.node, key.node, session.node, sessions,
      el("p", { class: "quiet-text" }, "Sessions of one person begin from the same model and learn apart, until one is kept."),
      this.#themes(),
      el(
        "div",
        { class: "row end" },
        el("button", { type: "button", class: "quiet", onclick: () => this.dialog.close() }, "Cancel"),
        go,
      ),
    );
    fill(this.dialog, form);
    this.dialog.showModal();
    (isLocked ? key : user).input.focus();
    try {
      const list = await person.api.get(`v1/sessions?${new URLSearchParams({ user: person.user })}`);
      fill(sessions, list.data.map((one) => el("option", { value: one.name })));
    } catch {
      // One can write the name.
    }
  }

  #field(id, label, attributes) {
    const input = el("input", { id, type: "text", ...attributes });
    return { input, node: el("p", { class: "field" }, el("label", { for: id }, label), input) };
  }

  async #submit(user, key, session, trouble) {
    const person = this.#person;
    const wanted = { user: user.value.trim(), name: session.value.trim() || "default" };
    const rule = "may have letters, digits and . _ @ : + = - only.";
    if (!isName(wanted.user)) return this.#refuse(user, `A name ${rule}`, trouble);
    if (!isName(wanted.name, 64)) return this.#refuse(session, `A session ${rule}`, trouble);
    person.signIn(key.value.trim());
    try {
      await person.meet();
    } catch (error) {
      if (error.status === 401) return this.#refuse(key, "That key is not known here.", trouble);
      throw error;
    }
    // A user's key is that user; an admin may be anybody.
    const isUser = person.identity?.role === "user";
    await person.become(isUser ? person.identity.user : wanted.user, wanted.name);
    this.dialog.close();
    announce(`You are ${person.user}.`);
  }

  #refuse(input, text, trouble) {
    trouble.textContent = text;
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }

  #themes() {
    const now = memo.get("hebb.theme") ?? "system";
    const choices = THEMES.map(([value, label]) => [
      el("input", {
        type: "radio", name: "theme", id: `theme-${value}`, value, checked: value === now,
        onchange: () => (memo.set("hebb.theme", value), applyTheme()),
      }),
      el("label", { for: `theme-${value}` }, label),
    ]);
    return el("fieldset", { class: "field" }, el("legend", {}, "Looks"), el("div", { class: "segments" }, choices));
  }
}
