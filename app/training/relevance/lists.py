"""Lists as serving scores them: a question with the units of a few passages, some with no answer among them.

What is left out, taken away or asked about another thing makes lists that nothing answers. Knows pages, questions and
vectors. L lists, R rows of all lists, F features, C units of one list, P pages, Q questions, S sentences.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.training.relevance.pages import AskedOf, Asking, Page, Unit, units
from app.training.relevance.questions import Questions, Typed
from app.training.relevance.tables import TableQuestion
from app.training.relevance.vectors import Vectors
from retrieval.evidence.relevance_features import Candidate, Lexicon, anchor_levels, anchors, features

ListKind: TypeAlias = Literal["answered", "left out", "taken away", "about another", "table", "no row"]
LIST_KINDS: tuple[ListKind, ...] = ("answered", "left out", "taken away", "about another", "table", "no row")

_SHARES: dict[ListKind, float] = {"answered": 0.62, "left out": 0.12, "taken away": 0.14, "about another": 0.12}
_NEAREST = 12
_A_BLOCK = 256
_PASSAGES = (5, 5, 5, 5, 3, 4, 8)
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Lists:
    """Questions, each with its candidates: rows `starts_L[l]` to before `starts_L[l + 1]` are of list l.

    `right_R`: an answer's words stand in it; `gold_R`: it is the sentence that was annotated.
    """

    features_RF: NDArray[np.float32]
    right_R: NDArray[np.bool_]
    gold_R: NDArray[np.bool_]
    starts_L: NDArray[np.int64]
    answerable_L: NDArray[np.bool_]
    kind_L: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.answerable_L)

    def beside(self, other: Lists) -> Lists:
        """These lists, then the others."""
        return Lists(
            features_RF=np.concatenate((self.features_RF, other.features_RF)),
            right_R=np.concatenate((self.right_R, other.right_R)),
            gold_R=np.concatenate((self.gold_R, other.gold_R)),
            starts_L=np.concatenate((self.starts_L, self.starts_L[-1] + other.starts_L[1:])),
            answerable_L=np.concatenate((self.answerable_L, other.answerable_L)),
            kind_L=np.concatenate((self.kind_L, other.kind_L)),
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """One list before its features: candidates with what is right of them."""

    question: str
    candidates: tuple[Candidate, ...]
    right: tuple[bool, ...]
    gold: tuple[bool, ...]
    kind: ListKind
    passages: tuple[str, ...] = ()
    """Whole texts by the candidates' numbers, where there is more in them than units."""


def draw(
    questions: Questions, vectors: Vectors, rarity: Lexicon, rng: random.Random, *, most: int | None = None
) -> Lists:
    """Lists of the questions, or of `most` of them by chance, and of all on tables."""
    return featured(drawn(questions, vectors, rng, most=most), rarity)


def featured(judged: Iterator[Judged] | Sequence[Judged], rarity: Lexicon) -> Lists:
    """The lists with their features."""
    rows, kept = [], []
    for one in judged:
        asked = anchors(one.question, rarity)
        levels_CA = anchor_levels(asked, one.candidates, one.passages)
        rows.append(features(one.question, one.candidates, rarity, asked=asked, levels_SA=levels_CA))
        kept.append(one)
    sizes = [len(one.candidates) for one in kept]
    return Lists(
        features_RF=np.concatenate(rows),
        right_R=np.array([value for one in kept for value in one.right]),
        gold_R=np.array([value for one in kept for value in one.gold]),
        starts_L=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        answerable_L=np.array([any(one.right) for one in kept]),
        kind_L=np.array([LIST_KINDS.index(one.kind) for one in kept], np.int8),
    )


def drawn(questions: Questions, vectors: Vectors, rng: random.Random, *, most: int | None = None) -> Iterator[Judged]:
    """The same before their features."""
    chosen = list(questions.typed)
    if most is not None and most < len(chosen):
        chosen = rng.sample(chosen, most)
    wanted = [(one, rng.choices(list(_SHARES), list(_SHARES.values()))[0]) for one in chosen]
    asked = [(one, kind, text) for one, kind in wanted if (text := _text(one, kind)) is not None]
    search = _Search.of(questions, vectors)
    for (one, kind, text), nearest in zip(asked, search.nearest(vectors.of([text for *_, text in asked])), strict=True):
        made = _list(questions, one, kind, text, _others(one, nearest, questions.pages, search, rng), vectors, rng)
        if made is not None:
            yield made
    for table in questions.tables:
        yield _table_list(table, questions, vectors, rng)


def _text(typed: Typed, kind: ListKind) -> str | None:
    return typed.about_another if kind == "about another" else typed.text


@dataclass(frozen=True, slots=True)
class _Search:
    """The pages nearest to a question, by their best sentence."""

    sentences_SE: NDArray[np.float32]
    starts_P: NDArray[np.int64]
    of_title: dict[str, list[int]]

    @classmethod
    def of(cls, questions: Questions, vectors: Vectors) -> _Search:
        texts = [sentence for page in questions.pages for sentence in page.sentences]
        sizes = [len(page.sentences) for page in questions.pages]
        of_title: dict[str, list[int]] = {}
        for number, page in enumerate(questions.pages):
            of_title.setdefault(page.title, []).append(number)
        return cls(vectors.of(texts), np.cumsum([0, *sizes[:-1]]), of_title)

    def nearest(self, questions_QE: NDArray[np.float32]) -> Iterator[list[int]]:
        for start in range(0, len(questions_QE), _A_BLOCK):
            cosine_QS = questions_QE[start : start + _A_BLOCK] @ self.sentences_SE.T
            best_QP = np.maximum.reduceat(cosine_QS, self.starts_P, axis=1)
            yield from np.argsort(-best_QP, axis=1)[:, :_NEAREST].tolist()


def _list(
    questions: Questions,
    typed: Typed,
    kind: ListKind,
    text: str,
    chosen: list[int],
    vectors: Vectors,
    rng: random.Random,
) -> Judged | None:
    """None where an answer stands in what should have none, or nothing is left."""
    question_E = vectors.of([text])[0]
    pages = questions.pages
    if kind != "left out":
        chosen.append(typed.page)
    rng.shuffle(chosen)
    gone = frozenset[int]()
    if kind == "taken away":
        own = pages[typed.page].sentences
        gone = frozenset(number for number, one in enumerate(own) if _has(one, typed.asked.answers))
    placed: list[tuple[int, int, Unit]] = []
    for passage, number in enumerate(chosen):
        asking = Asking(typed.asked, text, gone) if number == typed.page else Asking()
        placed += [(passage, number, unit) for unit in units(pages[number], asking, rng)]
    if not placed:
        return None
    candidates = _candidates(question_E, [(passage, unit) for passage, _, unit in placed], vectors)
    has = [_is_right(unit, pages[number], typed.asked) for _, number, unit in placed]
    gold = [number == typed.page and unit.sentence == typed.asked.sentence for _, number, unit in placed]
    if kind == "answered":
        return Judged(text, tuple(candidates), tuple(has), tuple(gold), kind) if any(gold) else None
    likely = sorted(range(len(candidates)), key=lambda index: -candidates[index].similarity)[:_SHOWN]
    if kind != "about another" and any(has[index] for index in likely):
        return None
    none = (False,) * len(candidates)
    return Judged(text, tuple(candidates), none, none, kind)


def _others(
    typed: Typed, nearest: Sequence[int], pages: Sequence[Page], search: _Search, rng: random.Random
) -> list[int]:
    """Other passages: those that a search would find, some of the same document, or any, as small corpora have."""
    count = rng.choice(_PASSAGES) - 1
    way = rng.random()
    if way < 0.6:
        found = [page for page in nearest if page != typed.page][: 2 * count]
    elif way < 0.8:
        found = [page for page in search.of_title[pages[typed.page].title] if page != typed.page]
    else:
        found = rng.sample(range(len(pages)), min(len(pages), count + 1))
    found = [page for page in found if page != typed.page]
    return rng.sample(found, min(len(found), count))


def _candidates(
    question_E: NDArray[np.float32], placed: Sequence[tuple[int, Unit]], vectors: Vectors
) -> list[Candidate]:
    texts_CE = vectors.of([unit.text for _, unit in placed])
    near = sorted({lead for _, unit in placed for lead in unit.leads[-2:]})
    lead_cosines = dict(zip(near, (vectors.of(near) @ question_E).tolist(), strict=True)) if near else {}
    return [
        Candidate(
            unit.text,
            passage,
            float(cosine),
            "\n".join(unit.leads),
            max((lead_cosines[lead] for lead in unit.leads[-2:]), default=0.0),
            unit.kind,
        )
        for (passage, unit), cosine in zip(placed, texts_CE @ question_E, strict=True)
    ]


def _table_list(table: TableQuestion, questions: Questions, vectors: Vectors, rng: random.Random) -> Judged:
    """The rows of a table, in one or two passages, sometimes beside prose."""
    question_E = vectors.of([table.text])[0]
    leads = (table.title,) if rng.random() < 0.6 else ()
    half = len(table.rows) // 2 if rng.random() < 0.5 else len(table.rows)
    placed = [(int(number >= half), Unit(row, number, leads, "row")) for number, row in enumerate(table.rows)]
    right = [number == table.right for number in range(len(table.rows))]
    for extra in range(rng.randrange(4)):
        drawn = units(rng.choice(questions.pages), Asking(), rng)
        placed += [(2 + extra, unit) for unit in drawn]
        right += [False] * len(drawn)
    candidates = _candidates(question_E, placed, vectors)
    kind: ListKind = "no row" if table.right is None else "table"
    return Judged(table.text, tuple(candidates), tuple(right), tuple(right), kind)


def _is_right(unit: Unit, page: Page, asked: AskedOf) -> bool:
    return unit.sentence is not None and _has(unit.text, asked.answers)


def _has(text: str, answers: Sequence[str]) -> bool:
    small = text.lower()
    return any(answer.lower() in small for answer in answers)
