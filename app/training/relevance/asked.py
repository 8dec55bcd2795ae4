"""Lists of the question set's tuning half, and of items like SQuAD's: what serving finds, and which of it is right.

Nothing of the half that is reported on is asked; its documents are in the corpus, as they are when it is measured.
Knows the question set and a corpus; not features.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from app.answering.follow_ups import search_text
from app.bench.quality.answers import hits_of, normalized, read_items
from app.bench.quality.question_set import SetQuestion, documents_of, read_questions
from app.bench.quality.verdict import Verdict, verdict
from app.config.settings import Settings
from app.generation.events import NO_STATS, Answer, Citation
from app.library.corpus import Corpus
from app.loading.search_models import SearchModels
from app.training.relevance.lists import Judged, ListKind
from retrieval.evidence.relevance_features import Candidate
from retrieval.evidence.selection import select_evidence
from retrieval.evidence.sentences import SentenceCache
from retrieval.interfaces import Hit


@dataclass(slots=True)
class Recorder:
    """A ``retrieval.evidence.relevance.Relevance`` that keeps what it is asked to score."""

    candidates: tuple[Candidate, ...] = ()
    passages: tuple[str, ...] = ()
    question: str = ""
    is_foreign: bool = False

    def scores(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        is_foreign: bool | None = None,
        passages: Sequence[str] = (),
    ) -> list[float]:
        """The cosines."""
        self.question, self.candidates, self.passages = question, tuple(candidates), tuple(passages)
        self.is_foreign = bool(is_foreign)
        return [one.similarity for one in candidates]

    def missing(self, question: str, texts: Sequence[str], *, is_foreign: bool | None = None) -> tuple[str, ...]:
        """Nothing: it only looks on."""
        return ()


def asked_lists(folder: Path, settings: Settings) -> Iterator[Judged]:
    """A list for each question of the tuning half whose answer is no computed one, in English."""
    models, recorder = SearchModels(settings), Recorder()
    with (
        tempfile.TemporaryDirectory() as home,
        closing(Corpus.create("questions", settings=settings.replace(home=Path(home)), models=models)) as corpus,
        closing(Corpus.open("sample", settings=settings, models=models)) as sample,
    ):
        corpus.sync(documents_of(folder))
        for one in (corpus, sample):
            one._relevance = lambda: recorder
        for question in read_questions(folder, "tune"):
            searched = corpus if question.corpus is None else sample
            recorder.candidates = ()
            hits = searched.retrieve(search_text(question.text, question.history)).hits
            if recorder.is_foreign or not recorder.candidates or question.is_computed:
                continue
            right = tuple(_answers(question, one, hits, searched) for one in recorder.candidates)
            kind: ListKind = "answered" if any(right) else "left out"
            yield Judged(recorder.question, recorder.candidates, right, right, kind, recorder.passages)


def item_lists(file: Path, settings: Settings) -> Iterator[Judged]:
    """A list for each item of a file as ``spandraft bench answers`` takes it. Raises InputError."""
    models, recorder = SearchModels(settings), Recorder()
    cache = SentenceCache(models.encoder)
    for item in read_items(file):
        recorder.candidates = ()
        select_evidence(
            item.question, hits_of(item), encoder=models.encoder, limit=None, cache=cache, relevance=recorder
        )
        if recorder.candidates and not recorder.is_foreign:
            answers = [f" {normalized(one)} " for one in item.answers]
            said = [f" {normalized(one.text)} " for one in recorder.candidates]
            right = tuple(any(answer in text for answer in answers) for text in said)
            kind: ListKind = "answered" if any(right) else "left out"
            yield Judged(recorder.question, recorder.candidates, right, right, kind, recorder.passages)


def _answers(question: SetQuestion, candidate: Candidate, hits: Sequence[Hit], searched: Corpus) -> bool:
    """Whether the unit alone, quoted and cited, has one of the values from a place where it stands."""
    passage = hits[candidate.passage].passage
    at = passage.text.find(candidate.text)
    if not question.is_answerable or at < 0:
        return False
    start, end = passage.start + at, passage.start + at + len(candidate.text)
    citation = Citation(passage.id, passage.document_name, start, end, 0, len(candidate.text), "copied")
    answer = Answer(question.text, candidate.text, (citation,), (), NO_STATS, "stop")
    one_value = replace(question, least=1)
    return verdict(one_value, answer, lambda name: searched.document(name).text) is Verdict.RIGHT
