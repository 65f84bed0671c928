// The learning curve: what each lesson cost the frozen core and the personal model, bits per byte.

import { el } from "./dom.js";
import { bits, count, gain, moment, percent } from "./format.js";

const WIDTH = 640;
const HEIGHT = 240;
const EDGE = { left: 40, right: 12, top: 12, bottom: 30 };

/**
 * A line for each model, and the same as a table.
 * @param {{at: string, tokens: number, frozen: number, adapted: number}[]} points at least two
 */
export function curve(points) {
  const most = Math.max(...points.flatMap((point) => [point.frozen, point.adapted])) * 1.08;
  const x = (index) => EDGE.left + ((WIDTH - EDGE.left - EDGE.right) * index) / (points.length - 1);
  const y = (value) => HEIGHT - EDGE.bottom - ((HEIGHT - EDGE.top - EDGE.bottom) * value) / most;
  const line = (name) => points.map((point, index) => `${x(index).toFixed(1)},${y(point[name]).toFixed(1)}`).join(" ");
  const step = [0.25, 0.5, 1, 2, 5].find((step) => most / step <= 6) ?? 10;
  const grid = Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => index * step);
  const last = points.at(-1);
  const picture = el(
    "svg:svg",
    {
      class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
      "aria-label": `${points.length} lessons. The last one: frozen ${bits(last.frozen)}, yours ${bits(last.adapted)} bits per byte.`,
    },
    grid.map((value) => [
      el("svg:line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(value), y2: y(value) }),
      el("svg:text", { class: "tick", x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, String(value)),
    ]),
    el("svg:text", { class: "tick", x: EDGE.left, y: HEIGHT - 8 }, "first lesson"),
    el("svg:text", { class: "tick", x: WIDTH - EDGE.right, y: HEIGHT - 8, "text-anchor": "end" }, "last"),
    el("svg:polygon", {
      class: "between",
      points: `${line("frozen")} ${line("adapted").split(" ").reverse().join(" ")}`,
    }),
    ["frozen", "adapted"].map((name) => el("svg:polyline", { class: `line ${name}`, points: line(name) })),
    points.length <= 80 && ["frozen", "adapted"].map((name) =>
      points.map((point, index) => el(
        "svg:circle",
        { class: `dot ${name}`, cx: x(index), cy: y(point[name]), r: 3 },
        el("svg:title", {}, `${moment(point.at)}: ${bits(point[name])}`),
      ))),
  );
  return el(
    "figure",
    {},
    el(
      "figcaption",
      {},
      el("span", { class: "key frozen" }, "Frozen"), " ",
      el("span", { class: "key yours" }, "Yours"), " ",
      el("span", { class: "quiet-text" }, "bits per byte of each lesson, guessed before it was learned"),
    ),
    picture,
    table(points),
  );
}

function table(points) {
  const cell = (tag, text) => el(tag, tag === "th" ? { scope: "col" } : {}, text);
  return el(
    "details",
    {},
    el("summary", {}, "As a table"),
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Learning curve as a table" },
      el(
        "table",
        {},
        el("thead", {}, el("tr", {}, ["When", "Tokens", "Frozen", "Yours", "Less"].map((name) => cell("th", name)))),
        el("tbody", {}, points.map((point) => el(
          "tr",
          {},
          [moment(point.at), count(point.tokens), bits(point.frozen), bits(point.adapted), percent(gain(point))]
            .map((text) => cell("td", text)),
        ))),
      ),
    ),
  );
}
