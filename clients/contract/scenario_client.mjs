// Takes the TypeScript client through a scenario: prints the answer of each step, a line of JSON each.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Hebb, HebbError } from "../typescript/dist/index.js";

/** Options of the client's own, which are named as its language does. */
const OWN = { per_token: "perToken", parse_special: "parseSpecial", if_match: "ifMatch" };

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const place = (value, path) => path.split(".").reduce((inner, name) => inner[name], value);

function filled(value, saved) {
  if (typeof value === "string" && value.startsWith("$")) return saved[value.slice(1)];
  if (Array.isArray(value)) return value.map((inner) => filled(inner, saved));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, filled(inner, saved)]));
  }
  return value;
}

/** A call's options stand after all of its other parameters. */
const PLACES = { features: 0, safety: 0, state: 0, delete: 0, events: 0, checkpoints: 0, export: 0, diff: 2 };

const [url, path] = process.argv.slice(2);
const scenario = JSON.parse(await readFile(path, "utf8"));
const hebb = new Hebb({ url });
const saved = { lesson: scenario.lesson };
const files = {};
for (const step of scenario.steps) {
  const [name, where] = step.do.split(".").reverse();
  const target = where ? hebb : hebb.session(scenario.user, step.session ?? "default");
  let args = filled(step.args ?? [], saved);
  if (step.file) args = [files[step.file]];
  if (step.bytes) args = [new TextEncoder().encode(step.bytes)];
  const options = Object.fromEntries(
    Object.entries(filled(step.options ?? {}, saved)).map(([key, value]) => [OWN[key] ?? key, value]),
  );
  while (args.length < (PLACES[name] ?? 0)) args.push(undefined);
  let answer;
  try {
    const result = target[camel(name)](...args, ...(step.options ? [options] : []));
    if (result?.[Symbol.asyncIterator]) {
      answer = [];
      for await (const item of result) answer.push(item);
    } else {
      answer = await result;
    }
    if (name === "stream") {
      const text = answer.flatMap((chunk) => chunk.choices).map((choice) => choice.text).join("");
      answer = { text, plasticity: answer.at(-1).plasticity };
    }
    if (name === "export") {
      const { data, ...rest } = answer;
      const isWhole = createHash("sha256").update(data).digest("hex") === rest.sha256;
      answer = { ...rest, size: data.length, is_whole: isWhole };
      files[step.save_file] = data;
    }
    if (name === "create_session") answer = null;
  } catch (error) {
    if (!(error instanceof HebbError)) throw error;
    answer = { error: { status: error.status, code: error.code, parameter: error.parameter } };
  }
  for (const [variable, at] of Object.entries(step.save ?? {})) saved[variable] = place(answer, at);
  console.log(JSON.stringify(answer ?? null));
}
