// How far the personal model is from the frozen core, on a dial whose end is the bound.

import { el } from "./dom.js";

const RADIUS = 84;
const [X, Y] = [100, 100];

/** The dial's point at a share of its half turn. */
function point(share, radius = RADIUS) {
  const angle = Math.PI * (1 - share);
  return [X + radius * Math.cos(angle), Y - radius * Math.sin(angle)].map((value) => value.toFixed(1));
}

function arc(from, to) {
  return `M${point(from).join(" ")} A${RADIUS} ${RADIUS} 0 0 1 ${point(to).join(" ")}`;
}

/**
 * @param {number} mean of the newest answers and texts, nats
 * @param {number} most of any word, nats
 * @param {number} bound that no word may pass, nats
 */
export function gauge(mean, most, bound) {
  const share = (value) => Math.min(1, Math.max(0, value / bound));
  const [x, y] = point(share(most), RADIUS + 9);
  const [innerX, innerY] = point(share(most), RADIUS - 9);
  return el(
    "svg:svg",
    {
      class: "gauge", viewBox: "0 0 200 118", role: "img",
      "aria-label": `On average ${mean.toFixed(2)} nats from the frozen core, ${most.toFixed(2)} at most, of ${bound} allowed.`,
    },
    el("svg:path", { class: "track", d: arc(0, 1) }),
    share(mean) > 0.003 && el("svg:path", { class: "hand", d: arc(0, share(mean)) }),
    el("svg:line", { class: "mark", x1: innerX, y1: innerY, x2: x, y2: y }),
    el("svg:text", { class: "gauge-figure", x: X, y: 82, "text-anchor": "middle" }, mean.toFixed(2)),
    el("svg:text", { class: "tick", x: X, y: 100, "text-anchor": "middle" }, "nats on average"),
    el("svg:text", { class: "tick", x: 16, y: 116, "text-anchor": "middle" }, "0"),
    el("svg:text", { class: "tick", x: 184, y: 116, "text-anchor": "middle" }, String(bound)),
  );
}
