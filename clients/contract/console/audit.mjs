// What a page owes to everybody: names of controls, contrast, headings, sizes, no sideways scroll.

/** What is wrong with what a tab shows now, in words; empty where nothing is. */
export async function audit(tab) {
  return [...(await tab.run(inPage)), ...(await unnamed(tab))];
}

const NAMED = new Set([
  "button", "link", "textbox", "searchbox", "checkbox", "radio", "slider", "combobox", "spinbutton",
  "image", "img", "progressbar", "dialog",
]);

/** Controls that a screen reader would have no name for. */
async function unnamed(tab) {
  const { nodes } = await tab.send("Accessibility.getFullAXTree", {});
  return nodes
    .filter((node) => !node.ignored && NAMED.has(node.role?.value) && !node.name?.value?.trim())
    .map((node) => `a ${node.role.value} without a name`);
}

function inPage() {
  const troubles = [];
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, under) =>
    [0, 1, 2].map((index) => top[index] * top[3] + under[index] * (1 - top[3])).concat(1);
  const behind = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(colour(getComputedStyle(at).backgroundColor));
    const canvasColour = colour(getComputedStyle(document.body).backgroundColor);
    return layers.reverse().reduce((under, top) => over(top, under), canvasColour);
  };
  const light = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue);
  const ratio = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const isSeen = (node) =>
    node.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    !node.closest(".unseen, .skip, :disabled, [aria-hidden='true']");

  // Contrast of every text (WCAG 2.2, 1.4.3).
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const told = new Set();
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || !node || !isSeen(node)) continue;
    const style = getComputedStyle(node);
    const back = behind(node);
    const ink = over(colour(node instanceof SVGElement ? style.fill : style.color), back);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = ratio(ink, back);
    const name = `${node.tagName.toLowerCase()}.${node.getAttribute("class") ?? ""}`;
    if (found < (isLarge ? 3 : 4.5) && !told.has(name)) {
      told.add(name);
      troubles.push(`contrast ${found.toFixed(2)} of "${text.data.trim().slice(0, 30)}" in ${name}`);
    }
  }
  // Edges of fields (1.4.11).
  for (const field of document.querySelectorAll("input:not([type]), input[type=text], input[type=search], input[type=password], input[type=number], select")) {
    if (!isSeen(field)) continue;
    const found = ratio(colour(getComputedStyle(field).borderTopColor), behind(field.parentElement));
    if (found < 3) troubles.push(`edge ${found.toFixed(2)} of #${field.id}`);
  }
  // Sizes of what is pressed (2.5.8), those in lines of text aside.
  for (const control of document.querySelectorAll("button, select, input, summary, nav a")) {
    if (!isSeen(control) || getComputedStyle(control).position === "absolute") continue;
    const own = control.closest("label") ?? control;
    const { width, height } = own.getBoundingClientRect();
    if (width < 24 || height < 24) {
      const name = control.getAttribute("aria-label") ?? control.textContent.trim() ?? control.id;
      troubles.push(`${Math.round(width)} × ${Math.round(height)} is small for "${name}"`);
    }
  }
  // Headings in order, one of the first level.
  const levels = [...document.querySelectorAll("main h1, main h2, main h3, main h4")]
    .filter((heading) => heading.checkVisibility()).map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) troubles.push(`${levels.filter((level) => level === 1).length} headings of the first level`);
  levels.forEach((level, index) => index && level > levels[index - 1] + 1 && troubles.push(`a heading of level ${level} after one of level ${levels[index - 1]}`));
  // Ids, alternatives, order, language, landmarks.
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) troubles.push(`#${id} twice`);
  for (const image of document.querySelectorAll("img:not([alt])")) troubles.push(`no alt on ${image.src}`);
  if (document.querySelector("[tabindex]:not([tabindex='0'], [tabindex='-1'])")) troubles.push("an order of its own by tabindex");
  if (!document.documentElement.lang) troubles.push("no language");
  if (document.querySelectorAll("main").length !== 1) troubles.push("not one main");
  if (!document.title.trim()) troubles.push("no title");
  for (const node of document.querySelectorAll("[aria-controls], [aria-labelledby], [aria-describedby], label[for]")) {
    for (const name of ["aria-controls", "aria-labelledby", "aria-describedby", "for"]) {
      for (const id of node.getAttribute(name)?.split(" ") ?? []) {
        if (!document.getElementById(id)) troubles.push(`${name} names #${id}, which is not there`);
      }
    }
  }
  // Nothing goes off sideways (1.4.10).
  const sideways = document.documentElement.scrollWidth - innerWidth;
  if (sideways > 0) {
    const wide = [...document.querySelectorAll("main *")].find((node) => node.getBoundingClientRect().right > innerWidth + 1);
    troubles.push(`${sideways} px wider than the window, by ${wide?.tagName}.${wide?.getAttribute("class")}`);
  }
  return troubles;
}
