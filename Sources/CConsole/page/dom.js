// Builds the page. Whatever comes from a model or a person goes in as a text node: there is no
// way here to make markup of a string, and the page's Content-Security-Policy forbids one.

const SVG = "http://www.w3.org/2000/svg";
/** What is set as a property, since the attribute of that name says something else. */
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "selected", "open", "files"]);

/**
 * An element. `svg:` before a tag makes it one of SVG's.
 * @param {string} tag
 * @param {Object} [attributes] `class`, `on…` with a function, `data` with an object, and others as
 *   they are; what is undefined, null or false is left out.
 * @param {...(Node|string|number|null|undefined|false|Array)} children
 */
export function el(tag, attributes = {}, ...children) {
  const node = tag.startsWith("svg:")
    ? document.createElementNS(SVG, tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || (value === false && !PROPERTIES.has(name))) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (PROPERTIES.has(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  put(node, ...children);
  return node;
}

/** Appends what is there of the children; numbers and strings as text. */
export function put(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

/** Replaces all that is in a node. Who was in a child that stays is in it still. */
export function fill(node, ...children) {
  const inside = node.contains(document.activeElement) ? document.activeElement : null;
  node.replaceChildren();
  put(node, ...children);
  if (inside?.isConnected && inside !== document.activeElement) inside.focus({ preventScroll: true });
  return node;
}

/** A length or share that a style sheet reads as a custom property. */
export function styled(node, name, value) {
  node.style.setProperty(name, value);
  return node;
}

const ICONS = {
  talk: ["M4 5h16v11H9l-5 4z"],
  write: ["M4 20h16", "M6 15.5 16.5 5 20 8.5 9.5 19H6z"],
  memory: ["M5 4h11l3 3v13H5z", "M9 9h6", "M9 13h6", "M9 17h3"],
  growth: ["M4 4v16h16", "M7 9c3 6 7 7 13 7.5"],
  time: ["M6 3v18", "M6 7h5", "M6 13h9", "M6 19h6"],
  keys: ["M8 16a4 4 0 1 1 0-8 4 4 0 0 1 0 8z", "M12 12h9v3.5", "M17 12v3"],
  up: ["M7 11v9H4v-9z", "M7 11l4-8c2 0 3 1 2.6 3L13 9h6l-1.5 9-2 2H7"],
  down: ["M7 13V4H4v9z", "M7 13l4 8c2 0 3-1 2.6-3L13 15h6l-1.5-9-2-2H7"],
  attach: ["M19 11l-8 8a5 5 0 0 1-7-7l9-9a3.3 3.3 0 0 1 5 5l-9 9a1.6 1.6 0 0 1-2.5-2.5L14 7"],
  send: ["M12 20V5", "M5 12l7-7 7 7"],
  stop: ["M6 6h12v12H6z"],
  person: ["M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M4 21c1-5 4-6 8-6s7 1 8 6"],
  close: ["M6 6l12 12", "M18 6 6 18"],
};

/** A picture beside a word, or in a button that has a label; read by nobody. */
export function icon(name) {
  return el(
    "svg:svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    ICONS[name].map((path) => el("svg:path", { d: path })),
  );
}

let announced = 0;
/** Tells a screen reader something that the page shows without moving the focus. */
export function announce(text) {
  const here = document.getElementById("announcer");
  const turn = (announced += 1);
  here.textContent = "";
  // A text that is the same as before would not be read again.
  setTimeout(() => turn === announced && (here.textContent = text), 60);
}

/** Shows what went wrong, until somebody closes it or it has been there for a while. */
export function notify(error, { about = "" } = {}) {
  const text = error instanceof Error ? error.message : String(error);
  const notice = el(
    "div",
    { class: "notice" },
    el("p", {}, about && el("strong", {}, about + " "), text),
    el(
      "button",
      { class: "bare", type: "button", "aria-label": "Close", onclick: () => notice.remove() },
      icon("close"),
    ),
  );
  document.getElementById("notices").append(notice);
  setTimeout(() => notice.remove(), 15_000);
}

/**
 * A button that asks once more, in its own place, before it does what cannot be undone.
 * @param {string} label what the button says
 * @param {string} question what it asks then
 * @param {() => Promise<void>} act
 */
export function askingButton(label, question, act, { name = label, kind = "quiet" } = {}) {
  const box = el("span", { class: "asking" });
  const first = el("button", { type: "button", class: kind, "aria-label": name }, label);
  const yes = el("button", { type: "button", class: "danger" }, label);
  const no = el("button", { type: "button", class: "quiet" }, "No");
  const calm = () => fill(box, first);
  first.addEventListener("click", () => {
    fill(box, el("span", { class: "question" }, question), yes, no);
    yes.focus();
  });
  no.addEventListener("click", () => {
    calm();
    first.focus();
  });
  box.addEventListener("keydown", (event) => event.key === "Escape" && no.isConnected && no.click());
  yes.addEventListener("click", async () => {
    const homes = [];
    for (let at = box.parentElement; at; at = at.parentElement) homes.push(at);
    await during(yes, act);
    if (box.isConnected) calm();
    if (document.activeElement !== document.body) return;
    const isPlace = (node) => node.isConnected && (node === first || node.matches("li, article, section, main"));
    const place = [first, ...homes].find(isPlace);
    if (place !== first) place.setAttribute("tabindex", "-1");
    place.focus({ preventScroll: true });
  });
  calm();
  return box;
}

/** Does something with a button out of reach, and shows why where it fails. */
export async function during(button, act) {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    return await act();
  } catch (error) {
    if (error.name !== "AbortError") notify(error);
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}
