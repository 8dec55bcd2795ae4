"""Lists of the questions written for training, over documents of their own or the sample, as serving finds them.

``FOLDER/NAME/documents/`` holds documents, ``FOLDER/NAME/train.jsonl`` a question a line, as in the question set. A
unit is right if it is, or has, what the line names as the answer. Knows that form and a corpus; not features.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.answering.follow_ups import search_text
from app.bench.quality.question_set import SetQuestion, documents_of, read_questions
from app.config.settings import Settings
from app.errors import InputError
from app.library.corpus import Corpus
from app.loading.search_models import SearchModels
from app.training.relevance.asked import Recorder
from app.training.relevance.lists import Judged
from retrieval.evidence.relevance_features import Candidate
from retrieval.interfaces import Hit

WRITTEN: Final = Path(__file__).with_name("questions")
_SAMPLE: Final = "sample"
_APART: Final = re.compile(r"\W+")
_LEAST_SHARE: Final = 0.35
"""The part of a span that a unit must be to count as right, if it is not the whole, by characters."""
_FAR: Final = 0.45
"""Cosine to the question below which a unit of another document surely answers nothing."""


@dataclass(frozen=True, slots=True)
class Written:
    """A question with its list: ``is_alone``: of the passages of its own document only."""

    name: str
    judged: Judged
    is_answerable: bool
    is_alone: bool


@dataclass(frozen=True, slots=True)
class _Line:
    """``near``: the document that an unanswerable question nearly asks of."""

    name: str
    folder: Path
    question: SetQuestion
    near: str | None


def written_lists(folder: Path, settings: Settings, *, sample: bool = True) -> Iterator[Written]:
    """For each question the list of its document alone and that of all documents, as far as there is one.

    ``sample``: those over the sample corpus, too.

    Where a question can be answered and nothing that was found answers it, there is no list: it may be the search that
    failed, or another document that answers, too. Raises InputError.
    """
    lines = list(_lines(folder))
    models, recorder = SearchModels(settings), Recorder()
    with tempfile.TemporaryDirectory() as home:
        own = settings.replace(home=Path(home))
        by_document: defaultdict[Path, list[_Line]] = defaultdict(list)
        for line in lines:
            if line.question.corpus != _SAMPLE and (at := _document_of(line)) is not None:
                by_document[at].append(line)
        for number, (document, asked) in enumerate(sorted(by_document.items())):
            with closing(Corpus.create(f"one {number}", settings=own, models=models)) as corpus:
                corpus.add(document)
                yield from _found(asked, corpus, recorder, is_alone=True)
        with closing(Corpus.create("all", settings=own, models=models)) as every:
            every.add(*(documents_of(one) for one in _parts(folder) if documents_of(one).is_dir()))
            over_all = [one for one in lines if one.question.corpus != _SAMPLE]
            yield from _found(over_all, every, recorder, is_alone=False)
    if sample:
        with closing(Corpus.open(_SAMPLE, settings=settings, models=models)) as articles:
            over_it = [one for one in lines if one.question.corpus == _SAMPLE]
            yield from _found(over_it, articles, recorder, is_alone=False)


def _parts(folder: Path) -> list[Path]:
    return sorted(one.parent for one in folder.glob("*/train.jsonl"))


def _lines(folder: Path) -> Iterator[_Line]:
    parts = _parts(folder)
    if not parts:
        raise InputError(f"{folder} has no questions", hint="training needs a clone of the repository: see README.md")
    for part in parts:
        questions = read_questions(part, "train")
        lines = (part / "train.jsonl").read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines if line.strip()]
        for question, record in zip(questions, records, strict=True):
            yield _Line(f"{part.name} {question.id}", part, question, next(iter(record.get("near", ())), None))


def _document_of(line: _Line) -> Path | None:
    name = next(iter(line.question.documents), line.near)
    file = documents_of(line.folder) / name if name else None
    return file if file is not None and file.is_file() else None


def _found(lines: Sequence[_Line], corpus: Corpus, recorder: Recorder, *, is_alone: bool) -> Iterator[Written]:
    corpus._relevance = lambda: recorder
    for line in lines:
        question = line.question
        recorder.candidates = ()
        hits = corpus.retrieve(search_text(question.text, question.history)).hits
        if recorder.is_foreign or not recorder.candidates or question.is_computed:
            continue
        kept = [(one, right) for one in recorder.candidates if (right := _answers(question, one, hits)) is not None]
        rights = tuple(right for _, right in kept)
        if not kept or (question.is_answerable and not any(rights)):
            continue
        candidates = tuple(one for one, _ in kept)
        kind = "answered" if question.is_answerable else "left out"
        judged = Judged(recorder.question, candidates, rights, rights, kind, recorder.passages)
        yield Written(line.name, judged, question.is_answerable, is_alone)


def _answers(question: SetQuestion, candidate: Candidate, hits: Sequence[Hit]) -> bool | None:
    """None where it may: it has a value and was not named, or is of another article of the sample that says it, too."""
    said = _flat(candidate.text)
    spans = [_flat(span) for span in question.spans]
    if any(span in said or (said in span and len(said) >= _LEAST_SHARE * len(span)) for span in spans if said):
        return True
    name = hits[candidate.passage].passage.document_name
    is_named = any(name.endswith(one) for one in question.documents)
    if question.corpus == _SAMPLE:
        return None if question.is_answerable and not is_named and candidate.similarity >= _FAR else False
    values = (_flat(form) for forms in question.values for form in forms)
    return None if is_named and any(value and value in said for value in values) else False


def _flat(text: str) -> str:
    return _APART.sub(" ", text.casefold()).strip()
