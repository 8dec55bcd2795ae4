"""The verdict on an answer to a question of the set: by the values it says and the place that it cites.

Knows the question, the answer's text and where its citations point to; not how it came about.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Final

from app.bench.quality.question_set import SetQuestion
from app.generation.events import Answer, Citation
from app.generation.prompts import REFUSAL

_MARKER: Final = re.compile(r"\[\d{1,4}\]")
_QUOTES: Final = str.maketrans("’‘“”–—\u2011", "''\"\"---")


class Verdict(enum.StrEnum):
    """How an answer is judged."""

    RIGHT = "right"
    PARTLY = "partly"
    WRONG = "wrong"
    REFUSED = "refused"


def verdict(question: SetQuestion, answer: Answer, text_of: Callable[[str], str]) -> Verdict:
    """Right: it says enough of the values and cites a place where one stands, or refuses what has no answer.

    Partly: it says some of the values, or cites another place. Refused: it refuses what has an answer.
    ``text_of`` gives the text of a document by its name.
    """
    said = _folded(_MARKER.sub(" ", answer.text))
    is_refusal = not said or said == _folded(REFUSAL)
    if not question.is_answerable:
        return Verdict.RIGHT if is_refusal else Verdict.WRONG
    if is_refusal:
        return Verdict.REFUSED
    found = sum(any(_says(said, form) for form in forms) for forms in question.values)
    if not found:
        return Verdict.WRONG
    is_enough = found >= question.least and _cites(question, answer.citations, text_of)
    return Verdict.RIGHT if is_enough else Verdict.PARTLY


def _says(said: str, form: str) -> bool:
    """Whether the words of a value stand in a text, not as a part of longer words or numbers."""
    value = _folded(form)
    before = r"(?<![a-z0-9])(?<![0-9][.,])" if value[:1].isascii() and value[:1].isalnum() else ""
    after = r"(?![a-z0-9])(?![.,][0-9])" if value[-1:].isascii() and value[-1:].isalnum() else ""
    return re.search(before + re.escape(value) + after, said) is not None


def _cites(question: SetQuestion, citations: Sequence[Citation], text_of: Callable[[str], str]) -> bool:
    """Whether a citation lies where the answer stands; a question without such places may cite nothing."""
    if not question.spans and question.kind == "summary":
        return True
    cited = [citation for citation in citations if _is_named(citation.document, question.documents)]
    if not question.spans:
        return bool(cited)
    return any(
        citation.source_start < end and start < citation.source_end
        for citation in cited
        for start, end in _places(text_of(citation.document), question.spans)
    )


def _is_named(document: str, names: Iterable[str]) -> bool:
    """Whether a document of a folder, which is called by its path there, is one of these."""
    return any(document == name or PurePath(document).name == PurePath(name).name for name in names)


def _places(text: str, spans: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where the words of the spans stand, whatever white space is between them."""
    for span in spans:
        pattern = r"\s+".join(re.escape(word) for word in span.split())
        yield from (match.span() for match in re.finditer(pattern, text))


def _folded(text: str) -> str:
    """Small letters, plain quotes and dashes, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold().split())
