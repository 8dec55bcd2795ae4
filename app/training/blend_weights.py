"""Learns the start weights of the blend source, over answers simulated from SQuAD's training set.

    python -m app.training.blend_weights PASSAGES.jsonl QA.jsonl TOKENIZER.json

A prompt is eight passages of an article and a question about one; the answer is made of the sentences that hold two
answers, and of sentences of a ninth passage, which stand for what a model says in its own words. Prints the weights
that ``decoding.sources.blend.weights`` holds.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from app.phrases.table import blend_state
from decoding.interfaces import NO_ORIGIN, Commit, Request
from decoding.sources.base import DraftContext
from decoding.sources.blend.blend import Blend
from decoding.sources.blend.blend_state import BlendState
from decoding.sources.blend.weights import FEATURES, HISTORY, NONE, PHRASES, SHARE, Weights
from decoding.tree import TokenTree

_ANSWERS = 500
_PASSAGES = 8
# Share of the learned weights; the rest is a start that takes votes and counts for probabilities.
_KEPT = 0.7


def main() -> None:
    """Learn the weights and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("passages", "questions", "tokenizer"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    blank = np.zeros(FEATURES)
    blank[SHARE], blank[HISTORY], blank[PHRASES], blank[NONE] = 1.0, 0.3, 0.3, 1.0
    state = blend_state(tokenizer)
    state.learned[""] = Weights(blank.copy(), np.ones(FEATURES))
    for prompt, answer in answers(_records(args.passages), _records(args.questions), random.Random(5)):
        _show(state, tokenizer, prompt, answer)
    print((_KEPT * state.learned[""].weights_F + (1 - _KEPT) * blank).round(2).tolist())


def answers(
    passages: list[dict[str, Any]], questions: list[dict[str, Any]], rng: random.Random
) -> Iterator[tuple[str, str]]:
    """Simulated prompts and answers."""
    texts = {passage["passage_id"]: passage["text"] for passage in passages}
    of_title: dict[str, list[str]] = {}
    for passage in passages:
        of_title.setdefault(passage["title"], []).append(passage["passage_id"])
    titles = sorted(of_title)
    rng.shuffle(titles)
    for number in range(_ANSWERS):
        title = titles[number % len(titles)]
        if len(of_title[title]) < _PASSAGES + 3:
            continue
        *shown, other = rng.sample(of_title[title], _PASSAGES + 1)
        asked = [question for question in questions if question["title"] == title and question["passage_id"] in shown]
        if len(asked) < 2:
            continue
        asked = rng.sample(asked, 2)
        own = re.split(r"(?<=[.!?]) +", texts[other])[:3]
        sentences = [*(question["answer_sentence"] for question in asked), *own[: rng.choice((1, 2))]]
        if rng.random() < 0.5:
            rng.shuffle(sentences)
        prompt = "".join(f"{texts[passage_id]}\n" for passage_id in shown)
        yield f"{prompt}Question: {asked[0]['question']}\nAnswer:", f" {' '.join(sentences)}"


def _show(state: BlendState, tokenizer: Tokenizer, prompt: str, answer: str) -> None:
    source = Blend(state)
    source.start(Request(tuple(tokenizer.encode(prompt, add_special_tokens=False).ids), 1000, scope="simulated"))
    ids = (*tokenizer.encode(answer, add_special_tokens=False).ids, tokenizer.get_vocab_size())
    for at in range(0, len(ids), 4):
        source.propose(DraftContext(ids[:at], TokenTree.of(0), limit=1))
        step = ids[at : at + 4]
        source.observe(Commit(step, ((),) * len(step), (NO_ORIGIN,) * len(step)))
    source.finish()


def _records(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
