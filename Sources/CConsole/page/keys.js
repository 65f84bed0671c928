// For who gives out keys: who has one, what it may do and has used, a new one, revoking.

import { announce, askingButton, during, el, fill } from "./dom.js";
import { count } from "./format.js";
import { empty, time } from "./parts.js";
import { isName } from "./person.js";

const QUOTAS = {
  requests_per_minute: "Requests a minute",
  requests_per_day: "Requests a day",
  tokens_per_minute: "Tokens a minute",
  tokens_per_day: "Tokens a day",
  learned_tokens_per_day: "Learned tokens a day",
  bytes_per_day: "Bytes a day",
  sessions: "Sessions",
};

export class Keys {
  title = "Keys";
  #person;

  constructor(person) {
    this.#person = person;
    this.list = el("ul", { class: "keys-list" });
    this.made = el("div", { role: "status" });
    this.node = el(
      "section",
      { class: "keys", "aria-label": "Keys" },
      el("h2", {}, "Who may come in"),
      this.list,
      el("h2", {}, "A new key"),
      this.made,
      this.#form(),
    );
  }

  async show() {
    const person = this.#person;
    try {
      const { data } = await person.api.get("v1/keys?limit=1000");
      fill(this.list, data.length ? data.map((key) => this.#row(key)) : el("li", {}, empty(
        "No keys yet",
        el("p", {}, "Whoever reaches this server is trusted. The first key is an admin's; from then on, everybody needs one, and this page asks for it."),
      )));
      this.role.value = data.length ? "user" : "admin";
    } catch (error) {
      fill(this.list, el("li", { class: "quiet-text" }, error.message));
    }
  }

  #row(key) {
    const used = Object.entries(key.used ?? {}).filter(([, value]) => value > 0);
    const limits = Object.entries(key.quota ?? {});
    const text = (entries) => entries.map(([name, value]) => `${QUOTAS[name] ?? name}: ${count(value)}`).join(" · ");
    return el(
      "li",
      { class: "card" },
      el(
        "div",
        { class: "key-head" },
        el("h3", {}, key.user),
        el("span", { class: key.role === "admin" ? "tag" : "tag plain" }, key.role),
        el("code", {}, key.id),
        el("span", { class: "grow" }),
        askingButton("Revoke", "From the next request on?", async () => {
          await this.#person.api.call("DELETE", `v1/keys/${encodeURIComponent(key.id)}`);
          announce(`The key of ${key.user} is revoked.`);
          await this.show();
        }, { name: `Revoke the key of ${key.user}` }),
      ),
      el("p", { class: "quiet-text" }, "Made ", time(key.created), key.last_used ? [", used ", time(key.last_used)] : ", never used"),
      limits.length > 0 && el("p", { class: "quiet-text" }, "May use: ", text(limits)),
      used.length > 0 && el("p", { class: "quiet-text" }, "Has used: ", text(used)),
    );
  }

  #form() {
    const user = el("input", { id: "key-user", type: "text", maxlength: 256, autocomplete: "off", required: true });
    this.role = el("select", { id: "key-role" }, ["user", "admin"].map((role) => el("option", { value: role }, role)));
    const quota = Object.entries(QUOTAS).map(([name, label]) => ({
      name,
      input: el("input", { id: `quota-${name}`, type: "number", min: 1, step: 1, inputmode: "numeric", placeholder: "no limit" }),
      label,
    }));
    const make = el("button", { type: "submit", class: "primary" }, "Make the key");
    const trouble = el("p", { class: "trouble", role: "alert" });
    const form = el(
      "form",
      {
        class: "card key-form",
        onsubmit: (event) => {
          event.preventDefault();
          trouble.textContent = "";
          if (!isName(user.value.trim())) {
            trouble.textContent = "A name may have letters, digits and . _ @ : + = - only.";
            return user.focus();
          }
          const limits = quota.filter(({ input }) => input.value).map(({ name, input }) => [name, Number(input.value)]);
          during(make, async () => {
            const made = await this.#person.api.call("POST", "v1/keys", {
              json: {
                user: user.value.trim(), role: this.role.value,
                ...(limits.length && { quota: Object.fromEntries(limits) }),
              },
            });
            form.reset();
            this.#present(made);
            // The first key locks the server: this tab goes on with it.
            if (!this.#person.api.key) this.#person.signIn(made.key);
            await this.show();
          });
        },
      },
      el("p", { class: "field" }, el("label", { for: "key-user" }, "Whose"), user),
      el("p", { class: "field" }, el("label", { for: "key-role" }, "May"), this.role),
      el(
        "details",
        {},
        el("summary", {}, "Limits"),
        el("div", { class: "quota" }, quota.map(({ name, input, label }) =>
          el("p", { class: "field" }, el("label", { for: `quota-${name}` }, label), input))),
      ),
      trouble,
      el("div", { class: "row end" }, make),
    );
    return form;
  }

  #present(made) {
    fill(
      this.made,
      el(
        "div",
        { class: "card" },
        el("p", {}, `The key of ${made.user}. It is shown now, and never again:`),
        el("code", { class: "secret" }, made.key),
        el("p", { class: "quiet-text" }, "Any OpenAI client takes it as its API key, and this page as the key to sign in with."),
      ),
    );
    this.made.scrollIntoView({ block: "nearest" });
  }
}
