"""The question set: what people ask of documents that were written for it, and what a right answer says and quotes.

``FOLDER/documents/`` holds the documents, ``FOLDER/tune.jsonl`` and ``FOLDER/report.jsonl`` a question a line. Nobody
tunes anything on the second. Knows files and records, no answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from app.bench.workload.records import is_texts, read_records
from app.generation.prompts import Message

Half: TypeAlias = Literal["tune", "report"]
HALVES: Final[tuple[Half, ...]] = get_args(Half)
KINDS: Final = (
    "plain", "paraphrase", "mistyped", "keywords", "table", "absent", "faq", "beginner", "follow-up", "two-part",
    "list", "summary", "other-language",
)  # fmt: skip
QUESTION_SET: Final = Path(__file__).parents[3] / "tests" / "questions"
"""Where the project's own set lies; it is part of the source, not of the installed package."""

_FORM: Final = (
    '{"id": "1", "kind": "plain", "question": "When?", "documents": ["a.md"], "values": [["at ten"]], "spans": []}'
)


@dataclass(frozen=True, slots=True)
class SetQuestion:
    """One question of the set.

    ``values`` are groups of which a right answer has at least ``least``, each in one of its forms; none at all if the
    documents do not answer. ``spans`` are words of ``documents`` that it should quote from; empty: any place of these
    documents will do. ``is_computed``: the answer is made of several rows of a table.
    """

    id: str
    kind: str
    text: str
    documents: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    spans: tuple[str, ...]
    least: int
    is_computed: bool = False
    history: tuple[Message, ...] = ()
    corpus: str | None = None

    @property
    def is_answerable(self) -> bool:
        """Whether the documents answer it."""
        return bool(self.values)


def documents_of(folder: Path) -> Path:
    """The folder of the set's documents."""
    return folder / "documents"


def read_questions(folder: Path, half: Half | Literal["train"]) -> list[SetQuestion]:
    """The questions of a half, or those of a folder that are trained on. Raises InputError."""
    return read_records(folder / f"{half}.jsonl", _question, form=_FORM)


def _question(record: dict[str, Any]) -> SetQuestion | None:
    key, kind, text, corpus = (record.get(name) for name in ("id", "kind", "question", "corpus"))
    documents, spans, values = (record.get(name, []) for name in ("documents", "spans", "values"))
    if not isinstance(key, str) or not isinstance(text, str) or not text.strip() or kind not in KINDS:
        return None
    if not is_texts(documents) or not is_texts(spans) or not isinstance(values, list):
        return None
    if not all(is_texts(forms) and forms for forms in values) or (values and not documents):
        return None
    least, history = record.get("least", len(values)), _history(record.get("history", []))
    if type(least) is not int or not bool(values) <= least <= max(1, len(values)) or history is None:
        return None
    return SetQuestion(
        id=key,
        kind=kind,
        text=text,
        documents=tuple(documents),
        values=tuple(tuple(forms) for forms in values),
        spans=tuple(spans),
        least=min(least, len(values)),
        is_computed=record.get("computed") is True,
        history=history,
        corpus=corpus if isinstance(corpus, str) else None,
    )


def _history(turns: object) -> tuple[Message, ...] | None:
    """The turns of a conversation; None where one is not of the form."""
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        return None
    said: list[Message] = []
    for turn in turns:
        role, content = turn.get("role"), turn.get("content")
        if role not in ("user", "assistant") or not isinstance(content, str):
            return None
        said.append(Message(role, content))
    return tuple(said)
