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
from app.training.data import records as data
from app.training.errors import DataMissingError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ENCODER_PACKAGE = encoder.PACKAGE


@dataclass(frozen=True, slots=True)
class EmbeddedQuestion:
    """A question, its gold passage and gold sentence (both indexes into Embedded)."""

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


def build(folder: Path, split: data.Split, cache: Path, *, passages: int, qed_passages: int) -> None:
    """Embed at most so many passages of a split, with their questions, into `cache` (npz). Some minutes."""
    rng = random.Random(7)
    squad, found = data.squad_passages(folder), data.squad_questions(folder)
    extra, extra_questions = data.qed(folder)
    chosen = _sample([p for p in squad if data.split_of(p.title) == split], passages, rng)
    chosen += _sample([p for p in extra if data.split_of(p.title) == split], qed_passages, rng)
    asked: dict[str, list[data.QuestionRecord]] = defaultdict(list)
    for q in (*found, *extra_questions):
        asked[q.passage_id].append(q)
    sentences: list[str] = []
    starts = [0]
    records: list[tuple[str, tuple[str, ...], int, int]] = []
    for number, passage in enumerate(chosen):
        split_sentences = data.sentences(passage.text)
        for q in asked[passage.passage_id]:
            gold = gold_sentence(q, split_sentences)
            if gold is not None:
                records.append((q.question, q.answers, number, len(sentences) + gold))
        sentences += split_sentences
        starts.append(len(sentences))
    lists = {"sentences": sentences, "starts": starts, "titles": [p.title for p in chosen], "questions": records}
    encoder = load_encoder()
    np.savez(
        cache,
        lists=np.frombuffer(json.dumps(lists).encode(), dtype=np.uint8),
        sentence_SE=embed(encoder, sentences).astype(np.float16),
        question_QE=embed(encoder, [r[0] for r in records]).astype(np.float16),
    )


def load(cache: Path) -> Embedded:
    """What `build` wrote."""
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


def gold_sentence(question: data.QuestionRecord, sentences: list[str]) -> int | None:
    """Index of the sentence that overlaps the recorded answer sentence and holds an answer; None if none does."""
    for i, s in enumerate(sentences):
        overlaps = s in question.answer_sentence or question.answer_sentence in s
        if overlaps and any(a in s for a in question.answers):
            return i
    return None


def load_encoder() -> SentenceTransformer:
    """The encoder that serving uses, from its package's folder, in bfloat16."""
    spec = importlib.util.find_spec(ENCODER_PACKAGE)
    if spec is None or spec.origin is None or importlib.util.find_spec("sentence_transformers") is None:
        raise DataMissingError(
            f"the package {ENCODER_PACKAGE} or sentence_transformers is not installed",
            hint="prepare the material where Spandraft is installed in full, and take the one file along",
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


def _sample(passages: list[data.PassageRecord], count: int, rng: random.Random) -> list[data.PassageRecord]:
    kept = set(rng.sample(range(len(passages)), min(count, len(passages))))
    return [p for i, p in enumerate(passages) if i in kept]
