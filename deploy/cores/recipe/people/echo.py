#!/usr/bin/env python3
"""Does learning somebody's small talk turn the model into their echo?

    python echo.py --url http://127.0.0.1:8421 [--user NAME] [--prompts 200]

A user chats (small talk and facts of `test`), learning as they go; then prompts.txt's general prompts
are answered by the frozen core and by what was learned, greedily. Printed, in the mean over prompts:

- kl: KL(adapted ‖ frozen), nats a token, over prompt and answer;
- same: share of prompts whose two answers are the same text;
- echo: share of an answer's words (of four letters and more) that the user has said and that are not
  in the prompt, for both answers: as much in the adapted as in the frozen one is no echo;
- length: words of an answer, for both.
"""
import argparse
import json
import re
import urllib.request

from conversations import chat
from relations import HERE


def words(text):
    return re.findall(r"[a-z]{4,}", text.lower())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8421")
    parser.add_argument("--user", default="echo")
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    def post(path, body):
        request = urllib.request.Request(
            options.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    said = set()
    for session in chat(options.seed, "test", 34, 4)["sessions"]:
        messages = [{"role": m["role"], "content": m["content"]} for m in session["messages"]]
        said |= {w for m in messages if m["role"] == "user" for w in words(m["content"])}
        post(f"/v1/sessions/{options.user}/default/observe", {"messages": messages})

    prompts = [line for line in (HERE / "prompts.txt").read_text().splitlines()
               if line and not line.startswith("#")][:options.prompts]
    divergence, same = 0.0, 0
    echo, length = {"frozen": 0.0, "adapted": 0.0}, {"frozen": 0.0, "adapted": 0.0}
    for prompt in prompts:
        texts = {}
        for mode in echo:
            answer = post("/v1/chat/completions", {
                "messages": [{"role": "user", "content": prompt}], "user": options.user,
                "temperature": 0, "max_tokens": options.tokens,
                "plasticity": {"mode": mode, "learn": "none"}})
            texts[mode] = answer["choices"][0]["message"]["content"]
            found = words(texts[mode])
            echo[mode] += sum(w in said and w not in words(prompt) for w in found) / max(1, len(found))
            length[mode] += len(texts[mode].split())
            if mode == "adapted":
                divergence += answer["plasticity"]["kl_mean"]
        same += texts["frozen"] == texts["adapted"]
    n = len(prompts)
    print(f"{n} prompts: kl {divergence / n:.5f}, same {same / n:.3f}, "
          f"echo {echo['frozen'] / n:.4f} frozen {echo['adapted'] / n:.4f} adapted, "
          f"length {length['frozen'] / n:.1f} frozen {length['adapted'] / n:.1f} adapted")


if __name__ == "__main__":
    main()
