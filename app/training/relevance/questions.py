"""Questions of the training data over pages, in the forms that people type, and which texts need vectors.

Knows the records and the forms; not vectors or features.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.training.data import records
from app.training.data.embeddings import gold_sentence
from app.training.relevance.pages import AskedOf, Page, texts_of
from app.training.relevance.phrasings import about_another, chatty, keywords, mistyped, names_of, small_letters
from app.training.relevance.synonyms import reworded
from app.training.relevance.tables import TableQuestion, table_questions

_FORMS = (
    "given", "given", "given", "small", "small", "keywords", "keywords", "keywords", "mistyped", "chatty", "reworded",
    "reworded", "reworded", "reworded", "reworded and small", "reworded and small",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is taken of the data."""

    articles: int = 240
    pages_an_article: int = 13
    qed: int = 1600
    tables: int = 450


@dataclass(frozen=True, slots=True)
class Typed:
    """A question of page `page` as somebody types it, and the same about another thing where it names one."""

    page: int
    asked: AskedOf
    text: str
    about_another: str | None


@dataclass(frozen=True, slots=True)
class Questions:
    """All pages, all questions on them, and questions on tables."""

    pages: tuple[Page, ...]
    typed: tuple[Typed, ...]
    tables: tuple[TableQuestion, ...]

    def texts(self) -> Iterator[str]:
        """Every text that a list may need the vector of."""
        for page in self.pages:
            yield from texts_of(page)
        for one in self.typed:
            yield one.text
            if one.about_another is not None:
                yield one.about_another
        for table in self.tables:
            yield from (table.text, table.title, *table.rows)


def read_questions(
    folder: Path, split: records.Split, amounts: Amounts, *, near: Mapping[str, Sequence[str]], seed: int = 5
) -> Questions:
    """Questions of a split, each in one form of chance; ``near`` are synonyms. Raises DataMissingError."""
    rng = random.Random(f"{seed}:{split}")
    pages = [*_squad(folder, split, amounts, rng), *_qed(folder, split, amounts, rng)]
    misspelt = records.misspellings(folder)
    names = sorted({name for page in pages for asked in page.asked for name in names_of(asked.text)}) or ["Nobody"]
    typed: list[Typed] = []
    for number, page in enumerate(pages):
        for asked in page.asked:
            own = random.Random(f"{seed}:{asked.text}")
            form = own.choice(_FORMS)
            other = about_another(asked.text, names, own)
            typed.append(
                Typed(
                    number,
                    asked,
                    _form(asked.text, form, misspelt, near, own),
                    None if other is None else _form(other, form, misspelt, near, own),
                )
            )
    tables = [one for _ in range(amounts.tables) for one in table_questions(rng)]
    return Questions(tuple(pages), tuple(typed), tuple(tables))


def _form(
    question: str,
    form: str,
    misspelt: Mapping[str, Sequence[str]],
    near: Mapping[str, Sequence[str]],
    rng: random.Random,
) -> str:
    match form:
        case "given":
            return question
        case "keywords":
            return keywords(question)
        case "mistyped":
            return mistyped(question, misspelt, rng)
        case "chatty":
            return chatty(question, rng)
        case "reworded":
            return reworded(question, near, rng)
        case "reworded and small":
            return small_letters(reworded(question, near, rng))
        case _:
            return small_letters(question)


def _squad(folder: Path, split: records.Split, amounts: Amounts, rng: random.Random) -> list[Page]:
    """Neighbouring paragraphs of some articles."""
    by_title: dict[str, list[records.PassageRecord]] = defaultdict(list)
    for passage in records.squad_passages(folder):
        if records.split_of(passage.title) == split:
            by_title[passage.title].append(passage)
    asked: dict[str, list[records.QuestionRecord]] = defaultdict(list)
    for question in records.squad_questions(folder):
        asked[question.passage_id].append(question)
    pages: list[Page] = []
    for title in rng.sample(sorted(by_title), min(len(by_title), amounts.articles)):
        of_article = by_title[title]
        start = rng.randrange(max(1, len(of_article) - amounts.pages_an_article + 1))
        pages += [
            _page(passage, asked[passage.passage_id])
            for passage in of_article[start : start + amounts.pages_an_article]
        ]
    return pages


def _qed(folder: Path, split: records.Split, amounts: Amounts, rng: random.Random) -> list[Page]:
    passages, questions = records.qed(folder)
    own = {question.passage_id: question for question in questions}
    chosen = [passage for passage in passages if records.split_of(passage.title) == split]
    chosen = rng.sample(chosen, min(len(chosen), amounts.qed))
    return [_page(passage, [own[passage.passage_id]]) for passage in chosen]


def _page(passage: records.PassageRecord, questions: Sequence[records.QuestionRecord]) -> Page:
    sentences = records.sentences(passage.text)
    asked = []
    for question in questions:
        number = gold_sentence(question, sentences)
        if number is not None:
            asked.append(AskedOf(question.question, question.answers, number))
    return Page(passage.title.replace("_", " "), tuple(sentences), tuple(asked))
