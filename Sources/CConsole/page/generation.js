// Asks the model: by the chat route where the core chats, else by continuing a text.

import { ApiError } from "./api.js";

/** Refusals by which a server says that its core has no form for conversations. */
const CANNOT_CHAT = new Set(["unknown_url", "no_chat_template"]);

let chats = false;

/** Whether the core answers conversations; else it continues texts. */
export const canChat = () => chats;

/** Finds that out. Nothing says it but an answer, so a single token is asked for. */
export async function askWhetherItChats(person) {
  chats = person.offers("POST /v1/chat/completions");
  if (!chats) return;
  const json = {
    messages: [{ role: "user", content: "?" }], max_tokens: 1,
    plasticity: { session: person.id, mode: "frozen", learn: "none" },
  };
  try {
    await person.api.call("POST", "v1/chat/completions", { json });
  } catch (error) {
    if (CANNOT_CHAT.has(error.code)) chats = false;
  }
}

/**
 * An answer, piece by piece.
 * @param {import("./person.js").Person} person
 * @param {{messages: {role: string, content: string}[], compare: boolean, learn: boolean,
 *   temperature: number, tokens: number}} question
 * @param {(mode: "adapted"|"frozen", text: string, choice: number) => void} onPiece
 * @returns {Promise<{id: string, plasticity: Object, reasons: Object, isContinuation: boolean}>}
 */
export async function answer(person, question, onPiece, signal) {
  if (chats) {
    try {
      return await run(person, question, onPiece, signal, true);
    } catch (error) {
      if (!(error instanceof ApiError) || !CANNOT_CHAT.has(error.code)) throw error;
      chats = false;
    }
  }
  return run(person, question, onPiece, signal, false);
}

async function run(person, question, onPiece, signal, isChat) {
  const { messages, compare, learn, temperature, tokens } = question;
  const result = { id: "", plasticity: null, reasons: {}, isContinuation: !isChat };
  const body = {
    model: person.model.id,
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: tokens,
    temperature,
    plasticity: {
      session: person.id,
      mode: compare ? "compare" : "adapted",
      learn: learn ? (isChat ? "user" : "prompt") : "none",
    },
    // What goes on with a text ends with its paragraph.
    ...(isChat ? { messages } : { prompt: messages.at(-1).content, stop: ["\n\n"] }),
  };
  await person.api.stream(
    isChat ? "v1/chat/completions" : "v1/completions",
    body,
    (event) => {
      result.id ||= event.id;
      if (event.plasticity) result.plasticity = event.plasticity;
      for (const choice of event.choices ?? []) {
        const mode = choice.plasticity_mode ?? "adapted";
        if (choice.finish_reason) result.reasons[mode] = choice.finish_reason;
        const text = choice.text ?? choice.delta?.content ?? "";
        if (text) onPiece(mode, text, choice.index);
      }
    },
    signal,
  );
  return result;
}

/** A short continuation of a text by the personal model, for the writing surface. */
export async function continuation(person, text, signal) {
  let written = "";
  const body = {
    model: person.model.id,
    prompt: text,
    stream: true,
    max_tokens: 20,
    temperature: 0,
    // What somebody wrote is text, whatever it looks like.
    parse_special: false,
    plasticity: { session: person.id, mode: "adapted", learn: "none" },
  };
  await person.api.stream("v1/completions", body, (event) => {
    written += event.choices?.[0]?.text ?? "";
  }, signal);
  return written;
}
