// Figures and moments as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export const count = (value) => whole.format(value);

export function plural(value, one, many = one + "s") {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Bits per byte: two digits are what a text of a few lines bears. */
export const bits = (value) => value.toFixed(2);

export function percent(value, digits = 0) {
  return `${value.toFixed(digits).replace("-", "−")} %`;
}

/** How much less the personal model was surprised than the frozen one, percent. */
export function gain({ frozen, adapted }) {
  return frozen > 0 ? 100 * (1 - adapted / frozen) : 0;
}

export function bytes(value) {
  if (value < 1000) return `${value} bytes`;
  return value < 1e6 ? `${(value / 1e3).toFixed(1)} KB` : `${(value / 1e6).toFixed(1)} MB`;
}

const STEPS = [
  ["second", 60], ["minute", 60], ["hour", 24], ["day", 30], ["month", 12], ["year", Infinity],
];

/** `moment` as "3 minutes ago", from an RFC 3339 time or milliseconds. */
export function ago(moment, now = Date.now()) {
  let difference = (new Date(moment).getTime() - now) / 1000;
  if (Math.abs(difference) < 10) return "just now";
  for (const [unit, size] of STEPS) {
    if (Math.abs(difference) < size) return relative.format(Math.round(difference), unit);
    difference /= size;
  }
  return "";
}

const full = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
export const moment = (value) => full.format(new Date(value));

/** White space and control characters of a token, made visible. */
export function visible(text) {
  return text.replace(/\n/g, "⏎").replace(/\t/g, "⇥").replace(/[\u0000-\u001f\u007f-\u009f]/g, "·");
}

/** A token alone, with the space before it shown. */
export const token = (text) => visible(text).replace(/^ /, "␣").replace(/^$/, "∅");
