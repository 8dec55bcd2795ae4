"""Items of articles that training never saw, in the form of `spandraft bench answers` and `bench grammar`.

Knows the files' fields. Must not know the model. The files hold text of the training data's sources: they are made
when needed and not committed.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from app.training.corruption.synthetic import Corruptor
from app.training.data.candidates import Candidates
from app.training.data.material import Material
from app.training.data.records import Split
from app.training.errors import MaterialError
from app.training.examples.answers import AnswerItems
from retrieval.evidence.relevance import CosineRelevance

_WORD = re.compile(r"(?<![\w'’-])[a-z]{4,}(?![\w'’-])")
_COMMON = 5000
"""The so many most frequent words of the training texts are common."""


def write(material: Material, out: Path, *, count: int, split: Split = "heldout") -> None:
    """answers.jsonl (a fifth unanswerable), grammar.jsonl (a quarter without an error), clean.jsonl, misspelt.jsonl."""
    out.mkdir(parents=True, exist_ok=True)
    written, clean = grammar_records(material, split, count)
    _write(out / "answers.jsonl", answer_records(material.answers(split), random.Random(11), count, material))
    _write(out / "grammar.jsonl", written)
    _write(out / "clean.jsonl", clean)
    _write(out / "misspelt.jsonl", misspelt_records(material, split, count))


def grammar_records(
    material: Material, split: Split, count: int
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Sentences with errors (a quarter without), and other, clean ones. Raises MaterialError if there are too few."""
    rng = random.Random(11)
    sentences = [s for text in material.texts(split) for s in text]
    if len(sentences) < 2 * count:
        raise MaterialError(
            f"the {split} split has {len(sentences)} sentences, not {2 * count}", hint="ask for fewer with --items"
        )
    corruptor = Corruptor(material.forms, material.misspelt)
    chosen = rng.sample(sentences, 2 * count)
    read = [s if i % 4 == 0 else corruptor.corrupt(s, rng) for i, s in enumerate(chosen[count:])]
    written = [{"source": w, "references": [s]} for w, s in zip(read, chosen[count:], strict=True)]
    return [dict(record) for record in written], [{"source": s, "references": [s]} for s in chosen[:count]]


def misspelt_records(material: Material, split: Split, count: int) -> list[dict[str, object]]:
    """Sentences that are right except for one common word, which is misspelt as people do."""
    rng = random.Random(12)
    counts = Counter(word for text in material.texts("train") for s in text for word in _WORD.findall(s))
    common = {word for word, _ in counts.most_common(_COMMON)}
    known = {word: [slip for slip in slips if slip not in counts] for word, slips in material.misspelt.items()}
    sentences = [s for text in material.texts(split) for s in text]
    rng.shuffle(sentences)
    records: list[dict[str, object]] = []
    for sentence in sentences:
        matches = [match for match in _WORD.finditer(sentence) if match[0] in common and known.get(match[0])]
        if matches and len(records) < count:
            word = rng.choice(matches)
            wrong = sentence[: word.start()] + rng.choice(known[word[0]]) + sentence[word.end() :]
            records.append({"source": wrong, "references": [sentence]})
    return records


def answer_records(
    candidates: Candidates, rng: random.Random, count: int, material: Material
) -> list[dict[str, object]]:
    """Questions over four passages each; `gold` is the index of the one that answers, or None."""
    # The items must not depend on a scorer that may be learned anew.
    items = AnswerItems(candidates, material.tokenizer, relevance=CosineRelevance())
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
