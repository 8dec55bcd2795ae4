"""Corrections: edits that reproduce them, white space and line breaks kept, and what is left alone is said."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.settings import TINY, Settings
from app.correction.diff import apply_edits, edits_between, with_spacing_of
from app.correction.meaning_check import keeps_its_meaning
from app.correction.segments import fixed_parts, line_breaks, segments
from app.correction.stream import CorrectionStream
from app.errors import InputError
from app.generation.events import CorrectionDone, Edit, TextDelta
from app.generation.logit_biases import LogitBiases
from app.generation.requests import RequestBuilder
from app.loading.edit_proposer import EditProposer
from app.pipeline import Pipeline
from tests.support.tiny import builder_of, save_tiny, small_tokenizer

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
WORDS = st.lists(st.sampled_from(["a", "b", "dog", "don't", " ", "  ", "\n", "é", ".", ",", "_", "🙂"]), max_size=14)
FEW_WORDS = WORDS.map("".join)
LINES = st.lists(st.sampled_from(["A b.", "```\n", "\r\n", "\n", " c "])).map("".join)
SURE = LogitBiases(copy_bias=1000.0)

MARKS = re.compile(r"(?:(?:#{1,6}|[-*+•‣–>]|\(?\d{1,3}[.)]|\(?[a-z]\)|\[[ xX]\])\s*)+")


@given(source=st.one_of(ANY_TEXT, FEW_WORDS), corrected=st.one_of(ANY_TEXT, FEW_WORDS), offset=st.integers(0, 5))
def test_edits_applied_to_the_source_give_the_correction(source: str, corrected: str, offset: int) -> None:
    edits = edits_between(source, corrected, offset=offset)
    assert apply_edits("x" * offset + source, edits) == "x" * offset + corrected
    for edit, following in pairwise(edits):
        assert edit.start <= edit.end < following.start, "apart, or they would be one"


def test_edits_are_whole_words_and_no_more() -> None:
    assert edits_between("He go to the school.", "He goes to school.") == (
        Edit(3, 5, "goes"),
        Edit(9, 13, ""),
    )
    assert edits_between("It dont works.", "It doesn't work.") == (Edit(3, 7, "doesn't"), Edit(8, 13, "work"))
    assert edits_between("Same.", "Same.") == ()


@given(source=FEW_WORDS, corrected=FEW_WORDS)
def test_spacing_changes_no_word(source: str, corrected: str) -> None:
    assert with_spacing_of(source, corrected).split() == corrected.split()
    assert with_spacing_of(source, " ".join(source.split())) == source.strip()


def test_spacing_of_the_source_survives_a_change_beside_it() -> None:
    assert with_spacing_of("He  go\nto   school", "He goes to school") == "He  goes\nto   school"
    assert with_spacing_of("a  b c", "a x b c") == "a x b c"


@given(text=st.one_of(ANY_TEXT, FEW_WORDS, LINES))
def test_all_but_white_space_and_marks_of_items_lies_in_one_piece(text: str) -> None:
    at = 0
    for piece in segments(text):
        assert at <= piece.start < piece.end
        between = text[at : piece.start].strip()
        assert not between or (piece.is_item and MARKS.fullmatch(between))
        at = piece.end
    assert not text[at:].strip()


def test_the_mark_of_an_item_or_a_heading_is_no_part_of_it() -> None:
    text = "# Head line\n\nWe like:\n- bread\n  2. Wait here. Go on.\n> - [ ] He go there today.\n1.5 is it.\n#tag"
    found = [(text[piece.start : piece.end], piece.is_item) for piece in segments(text)]
    items = ["Head line", "bread", "Wait here.", "He go there today."]
    assert [piece for piece, is_item in found if is_item] == items
    assert [piece for piece, is_item in found if not is_item][:2] == ["We like:", "Go on."]
    assert ("#tag", False) in found


@pytest.mark.parametrize(
    "kept",
    [
        "/usr/local/share/foo_bar.txt", "www.foo.org/bar", "foo.org", "@anna", "#party", "iPhone", "src/app/main.py",
        "notes.txt", "C:\\Users\\me", "~/music", "snake_case", "and/or",
    ],
)  # fmt: skip
def test_names_of_files_sites_and_things_are_fixed(kept: str) -> None:
    assert fixed_parts(f"He seen {kept} there") == [kept]
    assert fixed_parts(f"He saw {kept}.") == [kept], "the full stop is no part of it"
    assert fixed_parts("It was late.He went. Its it's, wasn't Anna McDonald") == []


def test_a_label_and_the_bars_of_a_table_are_no_part_of_what_is_corrected() -> None:
    table = "| who | what |\n|---|---|\n| Ann | she go home |\n"
    text = f"Date of birth: she were born in May.\nHe said: we is late.\n\n{table}"
    found = [text[piece.start : piece.end] for piece in segments(text) if not piece.is_code]
    assert found == ["she were born in May.", "He said: we is late.", "who", "what", "Ann", "she go home"]


def test_front_matter_is_code() -> None:
    for text in (
        "---\r\ntitle: my note\r\n---\r\nHe go home.\r\n",
        "---\ntitle: my note\ntags:\n  - a\n---\nHe go home.\n",
        "+++\ntitle = 'x'\n+++\nHe go home.\n",
    ):
        front, sentence = segments(text)
        assert front.is_code and text[front.end - 3 : front.end] in ("---", "+++")
        assert text[sentence.start : sentence.end] == "He go home."
    assert not any(piece.is_code and "go" in text[piece.start : piece.end] for piece in segments("---\nHe go home.\n"))


def test_items_are_corrected_behind_their_marks() -> None:
    pipeline = Pipeline.from_pretrained(settings=Settings(target=TINY), corpus=None)
    text = "# Heading\n\n1. He go to school every day.\n2. wait for the the train\n- bread\n"
    corrected = pipeline.correct(text).corrected
    lines = corrected.splitlines()
    assert lines[0] == "# Heading" and lines[4] == "- bread"
    assert lines[2].startswith("1. He ") and lines[2].endswith(" every day.")
    assert lines[3] == "2. wait for the train", "no capital and no full stop"


def test_code_is_found_and_prose_is_not_taken_for_it() -> None:
    text = (
        "# A title\n\nCall the function with two arguments (both are numbers). It costs 3 dollars; that is cheap.\n\n"
        "```\nHe go home.\n```\n\n    x = compute(1)\n\nfor i in range(3):\nif (a == b) { c(); }\n- We has two dogs.\n"
    )
    by_kind = {False: [], True: []}
    for piece in segments(text):
        by_kind[piece.is_code].append(text[piece.start : piece.end].strip())
    assert by_kind[True] == [
        "```\nHe go home.\n```",
        "x = compute(1)",
        "for i in range(3):",
        "if (a == b) { c(); }",
    ]
    assert by_kind[False] == [
        "A title",
        "Call the function with two arguments (both are numbers).",
        "It costs 3 dollars; that is cheap.",
        "We has two dogs.",
    ]


def test_a_sentence_that_runs_over_a_wrapped_line_is_one_piece() -> None:
    text = "This line was wrapped by an editor of the old kind, and\nit go on here. Next one.\nA list\nof short lines"
    assert [text[piece.start : piece.end] for piece in segments(text)] == [
        "This line was wrapped by an editor of the old kind, and\nit go on here.",
        "Next one.",
        "A list",
        "of short lines",
    ]


def test_fixed_parts_and_line_breaks() -> None:
    assert fixed_parts("See http://a.b/c?d=1, mail x@y.org, `f(x)` 3.5 times in 2nd place.") == sorted(
        ["http://a.b/c?d=1", "x@y.org", "`f(x)`", "3.5", "2nd"]
    )
    assert line_breaks("a\r\nb\nc\u2028d") == ["\r\n", "\n", "\u2028"]


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        ("He go to school.", "He went to school."),
        ("She dont likes the the weather.", "She doesn't like the weather."),
        ("I am agree with you .", "I agree with you."),
        ("We recieve alot of letters.", "We received a lot of letters."),
        ("Everyday I buy bread in shop.", "Every day I bought bread in the shop."),
        ("Its raining, bring you're coat.", "It's raining, bring your coat."),
        ("He is more taller than me.", "He is taller than me."),
    ],
)
def test_corrections_that_people_make_are_let_through(source: str, corrected: str) -> None:
    assert keeps_its_meaning(source, corrected, strict=True)


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        ("He go to school yesterday .", "He go to"),
        ("He go to school yesterday .", "He go to school y."),
        ("The committee met again.", "The committee committee of the house met again."),
        ("It costs 30 dollars.", "It costs 3 dollars."),
        ("First line\nsecond line", "First line second line"),
        ("Nothing is wrong here.", ""),
        ("I saw a bird.", "I saw a house."),
        ("If you do not, you do not even speak.", "If you do not even speak."),
        ("He is here.", "He is here and so is here."),
    ],
)
def test_corrections_that_lose_or_invent_something_are_not(source: str, corrected: str) -> None:
    assert not keeps_its_meaning(source, corrected, strict=True)


def test_a_large_model_may_rephrase_but_not_replace() -> None:
    assert keeps_its_meaning("I very like it, the film.", "I like the film very much.", strict=False)
    assert not keeps_its_meaning("I very like it, the film.", "Sure! Here you are.", strict=False)


def corrections(builder: RequestBuilder, text: str, **options: Any) -> CorrectionStream:
    """A correction with the bundled proposer of edits."""
    return CorrectionStream(builder, text, proposer=EditProposer(), **options)


@pytest.fixture(scope="module")
def copying(tiny_bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> RequestBuilder:
    """A random target held to its source so firmly that it copies, and ends where the source ends."""
    return builder_of(tiny_bundled, Settings(home=tmp_path_factory.mktemp("home")), biases=SURE)


def test_every_line_break_and_gap_of_a_text_is_kept(copying: RequestBuilder) -> None:
    text = "\n  One two  three.\tFour five.\r\n\r\n- Six seven\n\n\n   Eight; nine.  \n"
    correction = corrections(copying, text).correction()
    assert correction.corrected == text
    assert correction.edits == ()
    assert correction.notice is None
    assert correction.stats.tokens > 0


def test_drafts_change_nothing_and_are_accepted(copying: RequestBuilder) -> None:
    text = "The quick brown fox jumps over the lazy dog. It were a sunny day in the old town."
    drafted = corrections(copying, text).correction()
    plain = corrections(copying, text, speculate=False).correction()
    assert (drafted.corrected, drafted.edits) == (plain.corrected, plain.edits)
    assert drafted.stats.target_forwards < plain.stats.target_forwards == plain.stats.tokens
    assert drafted.stats.by_source["cursor"].accepted > 0
    assert plain.stats.by_source == {}


def test_deltas_joined_are_the_correction(copying: RequestBuilder) -> None:
    text = " First one here. Second one here.\nThird one here.\n"
    *deltas, done = corrections(copying, text)
    assert isinstance(done, CorrectionDone)
    texts = [delta.text for delta in deltas if isinstance(delta, TextDelta)]
    assert "".join(texts) == done.correction.corrected
    assert len(texts) == len(deltas) == 4, "one for each sentence, one for the line's end"


def test_what_a_target_garbles_is_left_as_it_was_and_said(tiny_bundled: Path, settings: Settings) -> None:
    text = "This sentence is fine as it is. So is this one, with 7 numbers."
    correction = corrections(builder_of(tiny_bundled, settings), text).correction()
    assert correction.corrected == text
    assert correction.notice is not None
    assert "Left as written: 2 sentences" in correction.notice


def test_code_foreign_and_long_pieces_are_left_alone_and_said(copying: RequestBuilder) -> None:
    code = corrections(copying, "Yes, it is so.\n```\nHe go.\n```\n").correction()
    assert code.notice == "Left as written: 1 sentence of code."
    foreign = corrections(copying, "Das ist ein Satz, der nicht auf Englisch ist, und er wird nicht geändert.")
    notice = foreign.correction().notice
    assert notice is not None
    assert "--target" in notice
    mixed = "Ich habe einen Hund. He lives in Rome. Il est malade et il reste au lit. She has a cat."
    notice = corrections(copying, mixed).correction().notice
    assert notice is not None and notice.startswith("Left as written: 2 sentences in a language"), "two are English"
    long = corrections(copying, "word " * 300 + "end.").correction()
    assert long.notice == "Left as written: 1 sentence too long for the target."
    assert long.stats.tokens == 0


def test_a_cancelled_correction_keeps_the_rest_as_it_was(copying: RequestBuilder) -> None:
    text = "First sentence of it. Second sentence of it. Third sentence of it."
    with corrections(copying, text) as stream:
        assert next(stream) == TextDelta("First sentence of it.")
        stream.cancel()
        *_, done = stream
    assert isinstance(done, CorrectionDone)
    assert done.correction.corrected == text
    assert done.correction.notice == "Left as written: 2 sentences not reached before the stop."


def test_wrong_input_is_an_error(copying: RequestBuilder) -> None:
    for text, limit in ((" \n", None), ("Fine.", 0)):
        with pytest.raises(InputError):
            corrections(copying, text, max_new_tokens=limit)


def test_a_limit_that_cuts_a_sentence_leaves_it_alone(copying: RequestBuilder) -> None:
    correction = corrections(copying, "One two three four five six.", max_new_tokens=3).correction()
    assert correction.corrected == "One two three four five six."
    assert correction.notice == "Left as written: 1 sentence whose correction did not end within the token limit."


@pytest.mark.parametrize("chat", [True, False])
def test_any_model_corrects(tmp_path: Path, settings: Settings, chat: bool) -> None:
    tokenizer: Any = small_tokenizer(chat=chat)
    builder = builder_of(save_tiny(tmp_path / "model", tokenizer, "gpt2"), settings, biases=SURE)
    text = "The manager is entered before the block runs.\nIt is left after it, whether or not it was raised."
    assert corrections(builder, text).correction().corrected == text
