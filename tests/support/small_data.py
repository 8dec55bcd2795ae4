"""A training set of a few articles in the form of the real one, with embeddings that need no encoder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.training.data import records

_NOUNS = "dog cat bird horse teacher child farmer sailor doctor writer king town river ship garden letter".split()
_VERBS = "watches follows likes helps visits finds calls needs knows loves draws paints sells buys sees hears".split()
_PLACES = "park house school market forest station village castle harbour kitchen".split()


def write(folder: Path) -> None:
    """All files of the training data."""
    folder.mkdir(parents=True, exist_ok=True)
    passages, questions, prose, qed = [], [], [], []
    for number in range(48):
        title = f"Article {number}"
        for part in range(3):
            sentences = [_sentence(number * 50 + part * 10 + i) for i in range(4)]
            text, passage_id = " ".join(sentences), f"p{number}.{part}"
            passages.append({"passage_id": passage_id, "title": title, "text": text})
            asked = {"title": title, "passage_id": passage_id, "question": _question(sentences[1])}
            asked |= {"answers": [sentences[1].split()[1]], "answer_sentence": sentences[1]}
            questions.append(asked)
            prose.append({"title": title, "text": text})
        qed.append(asked | {"id": number, "context": text})
    _lines(folder / "squad_train_passages.jsonl", passages)
    _lines(folder / "squad_train_qa.jsonl", questions)
    _lines(folder / "qed_nq_train.jsonl", qed)
    for source in ("enwiki", "novels_le1928", "ms_cpp_docs"):
        _lines(folder / f"prose_{source}.jsonl", prose * 8)
    spelt = [{"bad": noun[:-1], "good": [noun]} for noun in _NOUNS]
    _lines(folder / "misspellings_codespell.jsonl", spelt)


def write_cache(folder: Path, cache: Path) -> None:
    """Embeddings of all splits, made of letters."""
    cache.mkdir(parents=True, exist_ok=True)
    for split in records.SPLITS:
        chosen = [p for p in records.squad_passages(folder) if records.split_of(p.title) == split]
        asked = {q.passage_id: q for q in records.squad_questions(folder)}
        sentences: list[str] = []
        starts, question_rows = [0], []
        for number, passage in enumerate(chosen):
            question = asked[passage.passage_id]
            found = records.sentences(passage.text)
            gold = len(sentences) + found.index(question.answer_sentence)
            question_rows.append((question.question, question.answers, number, gold))
            sentences += found
            starts.append(len(sentences))
        lists = {
            "sentences": sentences,
            "starts": starts,
            "titles": [p.title for p in chosen],
            "questions": question_rows,
        }
        np.savez(
            cache / f"{split}.npz",
            lists=np.frombuffer(json.dumps(lists).encode(), np.uint8),
            sentence_SE=_vectors(sentences),
            question_QE=_vectors([row[0] for row in question_rows]),
        )


def _sentence(number: int) -> str:
    noun, other = _NOUNS[number % 16], _NOUNS[(number // 3) % 16]
    return f"The {noun} {_VERBS[(number // 2) % 16]} the {other} near the {_PLACES[number % 10]} number {number}."


def _question(sentence: str) -> str:
    return "Who " + " ".join(sentence.rstrip(".").split()[2:]) + "?"


def _vectors(texts: list[str]) -> NDArray[np.float16]:
    """Words by their hash: texts that share words are alike."""
    out = np.zeros((len(texts), 64), np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().strip(".?").split():
            out[row, hashlib.sha256(word.encode()).digest()[0] % 64] += 1
    return (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float16)


def _lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
