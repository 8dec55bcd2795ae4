"""Articles, their sentences and questions, embedded once by the serving encoder and kept on disk.

Knows the encoder's package and the cache file. Must not know prompts or the model that is trained.

Shapes: S sentences, Q questions, E embedding size.
"""

from __future__ import annotations

import importlib.util
import json
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from app.likely_edits import encoder
from app.training.data import records
from app.training.errors import DataMissingError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ENCODER_PACKAGE = encoder.PACKAGE


@dataclass(frozen=True, slots=True)
class EmbeddedQuestion:
    """A question with the numbers of the passage and of the sentence that answer it, in Embedded."""

    text: str
    answers: tuple[str, ...]
    passage: int
    sentence: int


@dataclass(frozen=True, slots=True)
class Embedded:
    """Sentences of passages of articles, questions on them, and the unit vectors of both."""

    sentences: list[str]
    starts: list[int]
    """First sentence of each passage, and the end of the last: passage p has rows starts[p] to starts[p + 1]."""
    article_of: list[str]
    articles: dict[str, list[int]]
    questions: list[EmbeddedQuestion]
    sentence_SE: NDArray[np.float32]
    question_QE: NDArray[np.float32]

    def rows_of(self, passage: int) -> list[int]:
        """Sentence indexes of a passage."""
        return list(range(self.starts[passage], self.starts[passage + 1]))


def build(folder: Path, split: records.Split, cache: Path, *, passages: int, qed_passages: int) -> None:
    """Embed at most so many passages of a split, with their questions, into `cache` (npz). Takes some minutes.

    Raises DataMissingError if the data or the encoder is missing.
    """
    rng = random.Random(7)
    squad, squad_questions = records.squad_passages(folder), records.squad_questions(folder)
    extra, extra_questions = records.qed(folder)
    chosen = _sample([p for p in squad if records.split_of(p.title) == split], passages, rng)
    chosen += _sample([p for p in extra if records.split_of(p.title) == split], qed_passages, rng)
    asked: dict[str, list[records.QuestionRecord]] = defaultdict(list)
    for q in (*squad_questions, *extra_questions):
        asked[q.passage_id].append(q)
    sentences: list[str] = []
    starts = [0]
    question_rows: list[tuple[str, tuple[str, ...], int, int]] = []
    for number, passage in enumerate(chosen):
        own_sentences = records.sentences(passage.text)
        for q in asked[passage.passage_id]:
            gold = gold_sentence(q, own_sentences)
            if gold is not None:
                question_rows.append((q.question, q.answers, number, len(sentences) + gold))
        sentences += own_sentences
        starts.append(len(sentences))
    lists = {"sentences": sentences, "starts": starts, "titles": [p.title for p in chosen], "questions": question_rows}
    encoder = load_encoder()
    np.savez(
        cache,
        lists=np.frombuffer(json.dumps(lists).encode(), dtype=np.uint8),
        sentence_SE=embed(encoder, sentences).astype(np.float16),
        question_QE=embed(encoder, [row[0] for row in question_rows]).astype(np.float16),
    )


def load(cache: Path) -> Embedded:
    """Read what `build` wrote. Raises DataMissingError."""
    if not cache.is_file():
        raise DataMissingError(
            f"no embeddings at {cache}",
            hint="spandraft train prepare makes them where the encoder is installed",
        )
    with np.load(cache) as stored:
        lists = json.loads(stored["lists"].tobytes())
        sentence_SE, question_QE = (stored[n].astype(np.float32) for n in ("sentence_SE", "question_QE"))
    articles: dict[str, list[int]] = defaultdict(list)
    for number, title in enumerate(lists["titles"]):
        articles[title].append(number)
    return Embedded(
        sentences=lists["sentences"],
        starts=lists["starts"],
        article_of=lists["titles"],
        articles=dict(articles),
        questions=[EmbeddedQuestion(t, tuple(a), p, s) for t, a, p, s in lists["questions"]],
        sentence_SE=sentence_SE,
        question_QE=question_QE,
    )


def gold_sentence(question: records.QuestionRecord, sentences: list[str]) -> int | None:
    """Index of the sentence that overlaps the recorded answer sentence and holds an answer; None if there is none."""
    for i, s in enumerate(sentences):
        overlaps = s in question.answer_sentence or question.answer_sentence in s
        if overlaps and any(a in s for a in question.answers):
            return i
    return None


def load_encoder() -> SentenceTransformer:
    """The encoder of serving, from its package's folder, in bfloat16. Raises DataMissingError."""
    spec = importlib.util.find_spec(ENCODER_PACKAGE)
    if spec is None or spec.origin is None or importlib.util.find_spec("sentence_transformers") is None:
        raise DataMissingError(
            f"the package {ENCODER_PACKAGE} or sentence_transformers is not installed",
            hint="prepare the material where Spandraft is installed in full, and copy the one file",
        )
    # Everything else in training runs without it.
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(Path(spec.origin).parent / "model"), device="cpu")
    encoder.to(torch.bfloat16)
    return encoder


def embed(encoder: SentenceTransformer, texts: list[str]) -> NDArray[np.float32]:
    """Unit vectors, one a text."""
    vectors = encoder.encode(texts, batch_size=64, convert_to_tensor=True, show_progress_bar=False).float()
    out: NDArray[np.float32] = torch.nn.functional.normalize(vectors, dim=-1).numpy()
    return out


def _sample(passages: list[records.PassageRecord], count: int, rng: random.Random) -> list[records.PassageRecord]:
    chosen = set(rng.sample(range(len(passages)), min(count, len(passages))))
    return [passage for number, passage in enumerate(passages) if number in chosen]
