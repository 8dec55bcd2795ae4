"""Messages read right for none, one and two of a thing: by what they are built of, and by what they say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.conversations.turns import Proof
from app.generation.prompts import left_out
from app.ui.views.documents import documents_view
from app.ui.views.figures import proof_view
from app.ui.views.jobs import JobWindow, jobs_view
from corpora.counts import count, plural_of
from corpora.jobs.job_records import Job
from corpora.store.listing import ListedDocument, Listing
from tests.app.ui.views.test_jobs import JOB

_ROOT = Path(__file__).parent.parent
_FOLDERS = (
    *("app/ui", "app/commands", "app/output", "app/correction", "app/generation", "app/library", "app/config"),
    *("app/loading", "app/doctor", "app/answering", "app/model_store", "app/conversations", "app/examples"),
    *("corpora", "retrieval", "decoding"),
)
_NOUNS = (
    "answer archive byte change character comment conversation copy corpus document entry error failure file finding "
    "folder forward image index item job language layer letter line link match message minute model note option "
    "page paragraph part pass passage picture piece process processor question record request result row second "
    "sentence setting sheet slide source state step table term text thread time token turn value vector word"
).split()
_PLURALS = {plural_of(noun) for noun in _NOUNS} - {"corpuss"} | {"corpora", "indexes", "indices"}
_COUNTED = re.compile(r"^ (?:(?:more|other|known|draft|attached|earlier|such) )*([a-z]+)\b")
_ONE_OF_MANY = re.compile(r"\b1 (?:of (?:the )?1 )?(" + "|".join(sorted(_PLURALS)) + r")\b")
_NEVER_ONE = {
    # What is counted there is always several: a limit, or two at least.
    ("app/library/lookup.py", "documents"),
    ("app/ui/state/uploads.py", "files"),
    ("app/ui/views/sources.py", "times"),
    ("app/ui/views/figures.py", "times"),
    ("app/commands/ask.py", "tokens"),
    ("corpora/store/corpus_names.py", "characters"),
    ("corpora/store/corpus_names.py", "letters"),
    ("corpora/loaders/formats/pdf/pdf.py", "pages"),
    ("corpora/loaders/formats/pdf/pdf_unread.py", "pages"),
    ("corpora/loaders/formats/zip_limits.py", "files"),
    ("corpora/recovery/verify.py", "bytes"),
    ("app/loading/bundled.py", "files"),
    ("app/model_store/gguf_file.py", "parts"),
    ("app/model_store/gguf_file.py", "bytes"),
    ("decoding/drafters/parallel_model.py", "tokens"),
    ("decoding/sources/neural/draft_model.py", "tokens"),
    ("decoding/target/target.py", "tokens"),
    ("decoding/engine.py", "tokens"),
    ("decoding/tree.py", "tokens"),
    ("decoding/target/state_cache.py", "tokens"),
    ("decoding/drafters/layer_skip.py", "layers"),
}


def test_a_noun_has_its_plural_for_none_and_for_many() -> None:
    assert [count(number, "page") for number in (0, 1, 2, 1500)] == ["0 pages", "1 page", "2 pages", "1,500 pages"]
    plurals = {"pass": "passes", "query": "queries", "day": "days", "box": "boxes", "match": "matches"}
    assert {noun: plural_of(noun) for noun in plurals} == plurals
    assert count(2, "conversation of yours", "conversations of yours") == "2 conversations of yours"


def _counted(path: Path) -> Iterator[tuple[str, int]]:
    """The plurals that stand behind a number in the texts that a module builds, with their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, text in zip(node.values, node.values[1:], strict=False):
            if not (isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant)):
                continue
            found = _COUNTED.match(str(text.value))
            if found is not None and found[1] in _PLURALS and _is_plain_number(value):
                yield found[1], node.lineno


def _is_plain_number(value: ast.FormattedValue) -> bool:
    """Whether it may be a whole number as it stands: no decimals, no ``count`` that chose the noun itself."""
    spec = value.format_spec
    written = "" if spec is None else "".join(str(getattr(part, "value", "")) for part in getattr(spec, "values", []))
    return "f" not in written and "count(" not in ast.unparse(value.value)


def test_no_message_puts_a_plural_behind_a_number_that_may_be_one() -> None:
    found = {
        f"{path.relative_to(_ROOT)}:{line}: {noun}"
        for folder in _FOLDERS
        for path in (_ROOT / folder).rglob("*.py")
        for noun, line in _counted(path)
        if (str(path.relative_to(_ROOT)), noun) not in _NEVER_ONE
    }
    assert found == set(), "count(number, noun) of corpora.counts says both"


def test_the_search_for_plurals_finds_one(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    texts = ("f'{n} pages'", "f'{n:,} more files'", "f'{count(n, what)} pages'", "f'{n:.1f} pages'")
    module.write_text("\n".join(texts))
    assert [noun for noun, _ in _counted(module)] == ["pages", "files"]
    assert _ONE_OF_MANY.search("none of the 1 pages") is not None
    assert _ONE_OF_MANY.search("1 of 1 files") is not None
    assert _ONE_OF_MANY.search("11 files, 1 file, 1 pass") is None


def _shown(number: int) -> Iterator[str]:
    """What the page says of so many things."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for state in ("queued", "running", "paused", "finished", "cancelled"):
        counts: dict[Any, int] = {"ready": number, "failed": number, "embedding": number, "cancelled": number}
        job: Job = replace(JOB, state=state, counts=counts, busy_s=number * 60.0, eta_s=number * 60.0)
        yield str(jobs_view([JobWindow(job)]))
    document = ListedDocument("id", "name", number, number, moment, None, {"page": number, "slide": number}, None)
    yield str(documents_view("my docs", Listing((document,), number, number, number)))
    yield str(proof_view(Proof(None, number, 1.0, 2.0, number, number)))
    for missing in range(1, number + 1):
        yield left_out(missing, number, "evidence sentence", number) or ""


@pytest.mark.parametrize("number", [0, 1, 2])
def test_what_the_page_says_reads_right(number: int) -> None:
    for text in _shown(number):
        words = re.sub(r"<[^>]*>", " ", text)
        assert _ONE_OF_MANY.search(re.sub(r"\s+", " ", words)) is None, words
    assert "0 sentences" not in (left_out(0, 5, "sentence", 9) or "")


def test_what_was_left_out_of_a_prompt_is_said_in_one_and_in_many() -> None:
    assert left_out(1, 1, "sentence", 1) == (
        "1 of 1 sentence did not fit the 1 token that the target has for a prompt and was left out."
    )
    assert left_out(2, 3, "sentence", 200) == (
        "2 of 3 sentences did not fit the 200 tokens that the target has for a prompt and were left out."
    )
