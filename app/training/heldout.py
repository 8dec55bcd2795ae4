"""Items of articles that training never saw, in the form of `spandraft bench answers` and `bench grammar`.

Knows the files' fields. Must not know the model. The files hold text of the training data's sources: they are made
when needed and not committed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE

from app.training import data, embeddings, grammar, word_forms
from app.training.answers import AnswerItems
from app.training.errors_synth import Corruptor


def write(folder: Path, cache: Path, out: Path, *, count: int, split: data.Split = "heldout") -> None:
    """answers.jsonl (a fifth without an answer), grammar.jsonl (a quarter without an error), clean.jsonl."""
    out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(11)
    _write(out / "answers.jsonl", answer_items(cache / f"{split}.npz", rng, count))
    texts = grammar.clean_texts(folder, split, rng)
    forms = word_forms.learn(s for text in texts for s in text)
    corruptor = Corruptor(forms, data.misspellings(folder))
    sentences = [s for text in texts for s in text]
    chosen = rng.sample(sentences, 2 * count)
    _write(out / "clean.jsonl", [{"source": s, "references": [s]} for s in chosen[:count]])
    written = [s if i % 4 == 0 else corruptor.corrupt(s, rng) for i, s in enumerate(chosen[count:])]
    _write(
        out / "grammar.jsonl",
        [{"source": w, "references": [s]} for w, s in zip(written, chosen[count:], strict=True)],
    )


def answer_items(cache: Path, rng: random.Random, count: int) -> list[dict[str, object]]:
    """Questions over four passages each; `gold` is the index of the one that answers, or None."""
    items = AnswerItems(embeddings.load(cache), Tokenizer(BPE()))
    drawn = [items.item(rng, unanswerable=i % 5 == 4) for i in range(count)]
    return [
        {
            "question": item.question,
            "passages": [" ".join(sentences) for sentences in item.passages],
            "gold": item.gold_passage,
            "answers": list(item.answers),
        }
        for item in drawn
    ]


def _write(path: Path, records: Iterable[dict[str, object]]) -> None:
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_text("".join(lines), encoding="utf-8")
