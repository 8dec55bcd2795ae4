"""Citations: what was copied is found to the character, from the passage the answer names, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from app.answering.citations import LEAST_TOKENS, cite
from app.generation.events import Citation, Computation, SourcePassage
from corpora.documents import Document

TEXT = (
    "The finally clause is always executed on the way out of the try statement. "
    "An else clause runs when no exception was raised."
)


def passage(text: str, *, name: str = "doc", before: str = "Before. ", number: int | None = 1) -> SourcePassage:
    """A passage that does not begin its document."""
    start, end = len(before), len(before) + len(text)
    return SourcePassage(f"{name}:{start}-{end}", name, start, end, text, 1.0, number)


def words(text: str) -> list[tuple[int, int]]:
    """Token spans as byte-level tokenizers give them: a word or a mark with the space before it."""
    return [found.span() for found in re.finditer(r"\s?(?:\w+|[^\w\s])|\s", text)]


def cited(answer: str, *passages: SourcePassage) -> list[Citation]:
    return list(cite(answer, words(answer), passages))


def test_a_quoted_sentence_is_cited_to_the_character() -> None:
    source = passage(TEXT)
    sentence = TEXT[: TEXT.index(".") + 1]
    (citation,) = cited(f"[1] {sentence}", source)
    assert citation == Citation(
        passage_id=source.passage_id,
        document="doc",
        source_start=source.start,
        source_end=source.start + len(sentence),
        answer_start=4,
        answer_end=4 + len(sentence),
        kind="copied",
    )


def test_five_tokens_are_chance_six_are_a_copy() -> None:
    source = passage(TEXT)
    assert cited("The finally clause is always", source) == []
    assert len(cited("The finally clause is always executed", source)) == 1


def test_a_change_cuts_the_run_in_two() -> None:
    changed = TEXT.replace("always", "often")
    found = cited(changed.replace(" try ", " whole try "), passage(TEXT))
    assert [changed.replace(" try ", " whole try ")[c.answer_start : c.answer_end] for c in found] == [
        "executed on the way out of the",
        "try statement. An else clause runs when no exception was raised.",
    ]


def test_white_space_that_differs_cuts_the_run_so_that_both_sides_stay_equal() -> None:
    source = passage(TEXT.replace(" on the way", "\non the way"))
    document = Document.of("doc", "Before. " + source.text)
    found = cited(TEXT, source)
    assert len(found) == 2
    for citation in found:
        assert (
            document.text[citation.source_start : citation.source_end]
            == TEXT[citation.answer_start : citation.answer_end]
        )


def test_a_tie_goes_to_the_passage_that_the_answer_names_then_to_the_higher_hit() -> None:
    first, second = passage(TEXT, name="first", number=1), passage(TEXT, name="second", number=2)
    assert [c.document for c in cited(TEXT, first, second)] == ["first"]
    assert [c.document for c in cited(f"[2] {TEXT}", first, second)] == ["second"]
    assert [c.document for c in cited(f"{TEXT} [2]", first, second)] == ["second"]
    assert [c.document for c in cited(f"[7] {TEXT}", first, second)] == ["first"]


def test_the_longer_run_wins_and_the_rest_of_the_shorter_is_kept() -> None:
    left = "one two three four five six seven eight nine"
    right = "seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    answer = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    found = cited(answer, passage(left, name="left"), passage(right, name="right"))
    assert [(c.document, answer[c.answer_start : c.answer_end]) for c in found] == [
        ("left", "one two three four five six"),
        ("right", right),
    ]


def test_a_marker_without_a_copy_points_at_the_whole_passage() -> None:
    first, second = passage(TEXT, name="first", number=1), passage("Something else.", name="second", number=2)
    answer = "A finally block runs on the way out [1]. It is another thing. [2]"
    marked = cited(answer, first, second)
    assert [(c.kind, c.document, answer[c.answer_start : c.answer_end]) for c in marked] == [
        ("marked", "first", "A finally block runs on the way out [1]."),
        ("marked", "second", "It is another thing."),
    ]
    assert [(c.source_start, c.source_end) for c in marked] == [(p.start, p.end) for p in (first, second)]


def test_a_short_quotation_is_cited_to_the_character() -> None:
    source = passage("It was asked. Paris it is. Nobody minded.", number=2)
    (citation,) = cited("[2] Paris it is.", source)
    assert (citation.kind, citation.answer_start, citation.answer_end) == ("copied", 4, 16)
    assert (citation.source_start, citation.source_end) == (source.start + 14, source.start + 26)
    (marked,) = cited("[2] Rome it is.", source)
    assert marked.kind == "marked"


def test_each_line_of_a_quoted_list_is_cited() -> None:
    text = "To clean the pan you need:\n\n- hot water\n- a brush\n\nThen dry it."
    source = passage(text)
    answer = "[1] To clean the pan you need: - hot water - a brush [1] Then dry it."
    found = cited(answer, source)
    assert [answer[c.answer_start : c.answer_end] for c in found] == [
        "To clean the pan you need:",
        "- hot water",
        "- a brush",
        "Then dry it.",
    ]
    for c in found:
        assert c.kind == "copied"
        assert (
            text[c.source_start - source.start : c.source_end - source.start] == answer[c.answer_start : c.answer_end]
        )


def test_a_marker_of_no_passage_and_the_refusal_cite_nothing() -> None:
    assert cited("It is so [9].", passage(TEXT)) == []
    assert cited("The documents do not answer this.", passage(TEXT)) == []
    assert cited("", passage(TEXT)) == []
    assert cited(TEXT) == []


def test_brackets_of_the_document_are_no_markers() -> None:
    text = "Then x[1] is read, and as in [1] it is written back to the list again."
    first, second = passage(TEXT, name="first", number=1), passage(text, name="second", number=2)
    assert [(c.kind, c.document) for c in cited(f"[2] {text}", first, second)] == [("copied", "second")]
    assert [c.kind for c in cited("Models write it so[1].", first)] == ["marked"]


def test_a_copy_in_one_sentence_does_not_hide_a_marker_in_another() -> None:
    sentence = TEXT[: TEXT.index(".") + 1]
    found = cited(f"[1] {sentence} It also does more [1].", passage(TEXT))
    assert [c.kind for c in found] == ["copied", "marked"]


PIECE = st.sampled_from(["a", "b", "é", "🙂", " ", "  ", "\n", ".", " a", " b", "[1]", "[2] ", "漢"])
SOURCE = st.lists(PIECE, min_size=8, max_size=40).map("".join)


@given(texts=st.lists(SOURCE, min_size=1, max_size=3), data=st.data())
@settings(max_examples=200)
def test_what_is_cited_as_copied_is_equal_and_no_copy_is_overlooked(texts: Sequence[str], data: st.DataObject) -> None:
    copied = data.draw(st.sampled_from(texts))
    start = data.draw(st.integers(0, len(copied)))
    answer = data.draw(SOURCE) + copied[start:] + data.draw(SOURCE)
    documents = [Document.of(f"d{number}", f"{number}: {text} end") for number, text in enumerate(texts)]
    passages = [
        passage(text, name=document.name, before=document.text[:3], number=number)
        for number, (text, document) in enumerate(zip(texts, documents, strict=True), start=1)
    ]
    spans = words(answer)
    found = cite(answer, spans, passages)
    by_name = {document.name: document.text for document in documents}
    covered: set[int] = set()
    for citation in found:
        source = by_name[citation.document][citation.source_start : citation.source_end]
        if citation.kind == "copied":
            own = set(range(citation.answer_start, citation.answer_end))
            assert source == answer[citation.answer_start : citation.answer_end]
            assert not covered & own, "no character is cited twice"
            covered |= own
    visible = [(s, e) for s, e in spans if answer[s:e].strip()]
    for first in range(len(visible) - LEAST_TOKENS + 1):
        begin, stop = visible[first][0], visible[first + LEAST_TOKENS - 1][1]
        window = answer[begin:stop]
        if any(window.strip() in text for text in texts):
            assert covered & set(range(begin, stop)), f"{window!r} is copied and not cited"


def test_what_was_computed_is_cited_with_its_rows_and_with_nothing_else() -> None:
    source = passage("Boat: Alma | Berths: 12\nBoat: Bo | Berths: 4", name="boats.csv")
    statement = "The sum of Berths over 2 rows of boats.csv is 16."
    rows = ((source.start, source.end),)
    computed = Computation(statement, source.passage_id, "boats.csv", rows, "rows 2-3")
    answer = f"[1] {statement} [1] Boat: Alma | Berths: 12"
    sum_, row = cite(answer, words(answer), [source], [computed])
    assert (sum_.kind, sum_.rows, sum_.place) == ("computed", rows, "rows 2-3")
    assert answer[sum_.answer_start : sum_.answer_end] == statement
    assert (sum_.source_start, sum_.source_end) == rows[0]
    assert (row.kind, answer[row.answer_start : row.answer_end]) == ("copied", "Boat: Alma | Berths: 12")
    assert [one.kind for one in cite("[1] It is 16.", words("[1] It is 16."), [source], [computed])] == ["marked"]
