"""Likely edits: what is proposed for wrong English, that right English is left alone, that the ids fit in context."""

from __future__ import annotations

import itertools
import string
from functools import cache
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from app.errors import ModelError
from app.generation.tokenizer import TextTokenizer
from app.likely_edits import tags
from app.likely_edits.changes import Changes
from app.likely_edits.proposer import LikelyEdits
from app.likely_edits.spelling import Spelling
from app.likely_edits.tables import read_tables
from app.likely_edits.tagger import Tagger, read_network
from app.likely_edits.words import words_of
from app.loading.bundled import EDITS
from decoding.interfaces import Edit

WEIGHTS = EDITS.with_suffix(".safetensors")
TARGET = EDITS.parent / "target"
WRONG = (
    "he said that the the teachers are nice becouse they help him",
    "I recieve a lot of letters , but i do n't answer they .",
    "She dont like winter.Thier house is alot colder then ours",
    "Tehnology changed. It helped peoples (and him), “very” much!",
)


@pytest.fixture(scope="module")
def tokens() -> TextTokenizer:
    return TextTokenizer(AutoTokenizer.from_pretrained(TARGET))


@pytest.fixture(scope="module")
def changes() -> Changes:
    tables = read_tables(EDITS)
    return Changes(tables, Tagger(tables, read_network(WEIGHTS, tables)))


@cache
def bundled() -> LikelyEdits:
    return LikelyEdits.read(EDITS)


def edits_of(tokens: TextTokenizer, text: str, lead: str = " ") -> tuple[tuple[int, ...], tuple[Edit, ...]]:
    ids = tokens.plain(lead + text).ids
    return ids, bundled().edits(text, ids, tokens.plain)


def corrected(tokens: TextTokenizer, ids: tuple[int, ...], edit: Edit) -> str:
    return tokens.decode((*ids[: edit.start], *edit.ids, *ids[edit.end :]))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("I stayed becouse it was late .", "I stayed because it was late ."),
        ("I stayed because because it was late.", "I stayed because it was late."),
        ("I stayed because it was late", "I stayed because it was late."),
        ("it was late and she was tired.", "It was late and she was tired."),
        ("She can not beleive that it was late.", "She can not believe that it was late."),
        ("We had alot of time.", "We had a lot of time."),
        ("We dont know.", "We don't know."),
        ("We dont know .", "We do n't know ."),
        ("Then im here.", "Then I'm here."),
    ],
    ids=["misspelt", "doubled", "no full stop", "no capital", "misspelt again", "run together", "apostrophe",
         "apostrophe, marks alone", "pronoun"],
)  # fmt: skip
def test_what_is_plainly_wrong_is_likely_to_be_put_right(tokens: TextTokenizer, wrong: str, right: str) -> None:
    ids, edits = edits_of(tokens, wrong)
    assert sum(edit.chance for edit in edits if corrected(tokens, ids, edit) == f" {right}") > 0.4


def test_right_english_is_to_be_copied(tokens: TextTokenizer) -> None:
    _, edits = edits_of(tokens, "The people of the city were proud of their new bridge, which was built in a year.")
    assert max(edit.chance for edit in edits) < 0.3
    assert sum(edit.chance for edit in edits) < 1.0


@pytest.mark.parametrize("text", WRONG)
@pytest.mark.parametrize("lead", ["", " "])
def test_ids_are_those_of_the_corrected_text(tokens: TextTokenizer, text: str, lead: str) -> None:
    ids, edits = edits_of(tokens, text, lead)
    written = [edit for edit in edits if edit.ids]
    assert written
    for edit in written:
        assert 0 <= edit.start <= edit.end <= len(ids)
        assert 0 < edit.chance <= 1
        after = (*ids[: edit.start], *edit.ids, *ids[edit.end :])
        assert tokens.plain(tokens.decode(after)).ids == after


def test_every_word_may_be_left_out_and_nothing_else(tokens: TextTokenizer) -> None:
    text = "Unbelievably, extraordinary circumstances (they say) do not recur."
    ids, edits = edits_of(tokens, text)
    dropped = sorted((edit.start, edit.end) for edit in edits if not edit.ids)
    assert dropped[0][0] == 0 and dropped[-1][1] == len(ids)
    assert all(left[1] == right[0] for left, right in itertools.pairwise(dropped))
    words = [tokens.decode(ids[start:end]).strip() for start, end in dropped]
    assert words == [word.text for word in words_of(text)]


def test_a_tokenizer_that_writes_beginnings_in_another_way_gets_the_same_edits(tokens: TextTokenizer) -> None:
    backend = Tokenizer(models.BPE(unk_token="<unk>"))
    blank = "\u2581"  # As the first Llama has it: one before every text, so that a word behind a space has two.
    backend.normalizer = normalizers.Sequence([normalizers.Prepend(blank), normalizers.Replace(" ", blank)])
    backend.decoder = decoders.Replace(blank, " ")
    text = WRONG[0]
    letters = [*string.ascii_letters, ".", ",", blank]
    trainer = trainers.BpeTrainer(vocab_size=90, special_tokens=["<unk>"], initial_alphabet=letters)
    backend.train_from_iterator([text], trainer)
    other = TextTokenizer(PreTrainedTokenizerFast(tokenizer_object=backend))

    def likely(one: TextTokenizer) -> set[str]:
        ids, edits = edits_of(one, text, lead="")
        return {corrected(one, ids, edit).strip() for edit in edits if edit.ids and edit.chance > 0.2}

    assert len(likely(tokens)) > 1
    assert likely(tokens) == likely(other)


def test_ids_of_another_text_get_no_edits(tokens: TextTokenizer) -> None:
    assert bundled().edits("This is it.", tokens.plain("That was it.").ids, tokens.plain) == ()


def test_a_text_in_another_language_is_left_alone(tokens: TextTokenizer) -> None:
    _, edits = edits_of(tokens, "Gestern haben wir unsere Großmutter besucht, weil sie Geburtstag hatte.")
    assert all(not edit.ids for edit in edits)


@pytest.mark.parametrize("text", ["a", ".", "“", "x" * 3000, "I " * 200, "1 2 3", "don't", "\ud800 the", "é ü"])
def test_odd_texts_are_no_trouble(tokens: TextTokenizer, text: str) -> None:
    ids, edits = edits_of(tokens, text)
    assert all(0 <= edit.start <= edit.end <= len(ids) for edit in edits)


def test_marks_are_put_in_as_the_text_has_them(changes: Changes) -> None:
    def put_in(text: str) -> set[str]:
        return {change.new for change in changes.of(text)[2] if change.start == change.end == len(text)}

    assert "." in put_in("Then, we went home") and " ." not in put_in("Then, we went home")
    assert " ." in put_in("Then , we went home") and "." not in put_in("Then , we went home")


@pytest.mark.parametrize("text", ["milk", "Installing", "What immortal hand or eye,", "so much depends upon:"])
def test_what_is_no_sentence_gets_no_mark_at_its_end(changes: Changes, text: str) -> None:
    assert not [one for one in changes.of(text)[2] if one.start == len(text) and one.new.strip() in ".?!,"]


def test_a_sentence_gets_a_mark_at_its_end(changes: Changes) -> None:
    for text in ("The teachers are nice because they help him", 'The teachers are nice, he said to "her"'):
        ends = [one.new for one in changes.of(text)[2] if one.start == len(text)]
        assert "." in ends


def test_names_that_are_not_known_stay(changes: Changes) -> None:
    text = "She graduated from Temple University Beasley School of Law."
    start = text.index("Beasley")
    assert all(one.chance < 0.5 for one in changes.of(text)[2] if one.start == start)
    wrong = text.replace("graduated", "gradauted")
    assert any(one.chance > 0.5 and one.new == "graduated" for one in changes.of(wrong)[2])


def test_a_rare_word_is_no_slip(changes: Changes) -> None:
    text = "The lessee must repair the house, and someone must tell everyone."
    assert all(one.chance < 0.5 for one in changes.of(text)[2])


def test_two_words_that_ought_to_be_one_are_joined(changes: Changes) -> None:
    text = "Some times I go there with out my brother."
    found = changes.of(text)[2]
    for pair, word in (("Some times", "Sometimes"), ("with out", "without")):
        start = text.index(pair)
        joined = [one for one in found if (one.start, one.end, one.new) == (start, start + len(pair), word)]
        assert [one for one in joined if one.chance > 0.5]
        assert not [one for one in found if one.start != start and one.new == word.lower()], "beside its first part"


def test_what_a_word_lacks_is_not_put_in_beside_it(changes: Changes) -> None:
    text = "She dont know it aswell as you think."
    found = changes.of(text)[2]
    assert not [one for one in found if one.start == one.end and one.new.strip() in ("n't", "as")]
    assert {"don't", "as well"} <= {one.new for one in found if one.chance > 0.3}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("I could of done it.", "I could have done it."),
        ("They should not of come so late.", "They should not have come so late."),
        ("Whos there?", "Who's there?"),
        ("Heres what they said.", "Here's what they said."),
        ("You shouldve told us.", "You should've told us."),
    ],
)
def test_what_is_written_as_it_sounds_comes_right(changes: Changes, text: str, right: str) -> None:
    _, dropped, found = changes.of(text)
    sure = [one for one in found if one.chance > 0.5]
    assert max(dropped) < 0.5 and [text[: one.start] + one.new + text[one.end :] for one in sure] == [right]


@pytest.mark.parametrize("text", ["You could of course stay.", "The might of the army was great.", "That that is is."])
def test_what_only_looks_so_stays(changes: Changes, text: str) -> None:
    words, dropped, found = changes.of(text)
    assert max(dropped) < 0.5, [word.text for word in words]
    assert not [one for one in found if one.chance > 0.5]


def test_candidates_are_known_words_one_slip_away_or_listed() -> None:
    spelling = Spelling(read_tables(EDITS))
    for wrong, right in (
        ("becouse", "because"),
        ("teh", "the"),
        ("peple", "people"),
        ("infact", "in fact"),
        ("tecnologies", "technologies"),
    ):
        candidates = spelling.candidates(wrong)
        assert candidates[0][0] == right
        assert sum(share for _, share in candidates) <= 1
    assert spelling.candidates("qqqqzzzzqqq") == []


@pytest.mark.parametrize(
    ("old", "new", "tag"),
    [
        ("cats", None, tags.DROP),
        (None, "The", "insert:the"),
        ("Cat", "cat", tags.CASE),
        ("goes", "went", "form:base"),
        ("go", "going", "form:ing"),
        ("in", "on", "replace:on"),
        ("catz", "cat", tags.SPELL),
        ("cat", "dog", tags.OTHER),
        ("cat", "cat", tags.KEEP),
        (None, "xyzzy", tags.MISSING),
    ],
)
def test_tags_say_what_became_of_a_word(old: str | None, new: str | None, tag: str) -> None:
    families = {"goes": ("go", "going", "went"), "go": ("goes", "going", "went")}
    assert tags.tag_of(old, new, families, {"cat": 1, "dog": 2, "go": 3}) == tag


def test_capitals_go_over_to_the_new_word() -> None:
    assert [tags.like(old, new) for old, new in (("The", "a"), ("THE", "a"), ("the", "a"), ("I", "me"))] == [
        "A", "A", "a", "me",
    ]  # fmt: skip


def test_the_committed_files_are_small() -> None:
    assert EDITS.stat().st_size <= 1_000_000
    assert WEIGHTS.stat().st_size <= 13_000_000


@pytest.mark.parametrize("damaged", [EDITS, WEIGHTS], ids=lambda file: file.name)
def test_damaged_files_are_named(damaged: Path, tmp_path: Path) -> None:
    for file in (EDITS, WEIGHTS):
        content = file.read_bytes()
        (tmp_path / file.name).write_bytes(content[:-500] if file == damaged else content)
    with pytest.raises(ModelError, match=r"edits\.") as caught:
        LikelyEdits.read(tmp_path / EDITS.name)
    assert caught.value.hint
