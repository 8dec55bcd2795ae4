"""What a corpus may be called: any letters and spaces; a refusal says why, and no name leads out of the library."""

from __future__ import annotations

import shlex
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpora.errors import CorpusExists, CorpusNotFound, InvalidName
from corpora.store.corpus_names import checked_name, in_shell
from corpora.store.library import Library

GOOD = [
    "my docs", "grün", "Протоколы 2024", "会議の議事録", "תקנון", "عقود",
    "Straße & Söhne (alt)", "a.b-c_d", "d'Arc", "№ 5",
    "2024", "_x", "v1.2", "$HOME", "a;b", "100 %", "می\u200cخواهم", "ａ",
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_corpus_is_made_opened_listed_and_removed_under_its_name(tmp_path: Path, name: str) -> None:
    library = Library(tmp_path)
    library.create(name).close()
    assert library.names() == [name]
    store = library.open(name)
    assert (store.name, store.folder) == (name, tmp_path / "corpora" / name)
    store.close()
    library.remove(name)
    assert library.names() == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "it is empty"),
        (" \t", "it is empty"),
        ("a\tb", "cannot be seen (U+0009)"),
        ("a\u00a0b", "cannot be seen (U+00A0)"),
        ("a\u202eb", "cannot be seen (U+202E)"),
        ("a/b", 'it holds "/"'),
        ("a\\b", 'it holds "\\"'),
        ("C:", 'it holds ":"'),
        ('a"', "it holds a double quote"),
        (" a", "begins or ends with a space"),
        ("a ", "begins or ends with a space"),
        ("a.", "ends with a full stop"),
        (".a", "begins with ."),
        ("-a", "begins with -"),
        ("a" * 65, "too long, with 65 characters"),
        ("\U00020000" * 51, "too long, with 51 characters"),
    ],
)
def test_a_refused_name_says_why(name: str, reason: str) -> None:
    with pytest.raises(InvalidName) as caught:
        checked_name(name)
    assert caught.value.cause.endswith(reason) or reason in caught.value.cause
    assert "letters" in caught.value.hint
    assert "\n" not in caught.value.cause + caught.value.hint


def test_the_longest_names_can_be_created_and_exported(tmp_path: Path) -> None:
    for name in ("a" * 64, "ü" * 64, "語" * 64, "\U00020000" * 50):
        Library(tmp_path).create(name).close()
        (tmp_path / f"{name}.spandraft").write_bytes(b"")
    assert len(Library(tmp_path).names()) == 4


@pytest.mark.parametrize("name", ["con", "NUL", "Com1", "lpt9", "aux.txt", "prn .x"])
def test_a_name_that_windows_keeps_for_a_device_is_refused_for_new_corpora_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidName, match="Windows keeps that name"):
        Library(tmp_path).create(name)
    assert not Library(tmp_path).exists(name)
    for other in ("console", "nulls", "com10", "auxiliary.txt"):
        assert checked_name(other, new=True) == other


def test_one_name_in_two_unicode_forms_is_one_corpus(tmp_path: Path) -> None:
    library = Library(tmp_path)
    composed, decomposed = "gr\u00fcn", "gru\u0308n"
    library.create(decomposed).close()
    assert library.names() == [composed]
    assert library.exists(decomposed)
    store = library.open(decomposed)
    assert store.name == composed
    store.close()
    with pytest.raises(CorpusExists):
        library.create(composed)
    library.remove(decomposed)
    assert library.names() == []


def test_two_names_that_differ_by_case_alone_are_not_made(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.create("Grün").close()
    for name in ("grün", "GRÜN", "GRU\u0308N"):
        with pytest.raises(CorpusExists, match="Grün"):
            library.create(name)
    with pytest.raises(CorpusNotFound) as caught:
        library.open("grün")
    assert caught.value.hint == 'did you mean "Grün"?'


@pytest.mark.parametrize("name", [*GOOD, "it's", "a`b", "a$(b)", "!x", "a b", "x\\y"])
def test_a_command_names_it_so_that_a_shell_reads_one_word(name: str) -> None:
    assert shlex.split(in_shell(name)) == [name]


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=0, max_size=70))
@example("..")
@example("\u0344")
@example("İ")
def test_any_text_is_refused_with_a_reason_or_is_one_folder_of_the_library(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    home = tmp_path_factory.mktemp("home")
    library = Library(home)
    try:
        library.create(name).close()
    except InvalidName:
        assert not list(home.iterdir())
    else:
        composed = unicodedata.normalize("NFC", name)
        assert library.names() == [composed]
        assert [entry.name for entry in (home / "corpora").iterdir()] == [composed]
        library.remove(name)
