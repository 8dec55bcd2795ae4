"""Questions in the spelling of a corpus: what is mended, what a question names stays, and what nobody can say."""

from __future__ import annotations

import pytest

from app.likely_edits.known_words import KnownWords
from app.loading.bundled import EDITS
from retrieval.interfaces import Spelled
from retrieval.lexical import LexicalIndex
from retrieval.spelling import Spelling

TEXTS = [
    "The nursery opens at eight and closes at four; in winter the greenhouse is heated from October on.",
    "Order 10400 of twelve saplings was shipped to Peterson, order 10407 to Ingrid Lindgren in Visby.",
    "The handbook lists opening hours, prices and the temperature at which cuttings root.",
    "Call sow_seeds(depth) before water_bed; soup is served in the canteen. Petra Halvorsen keeps the accounts.",
    "A defibrillator hangs beside the office door. Seeds need a germinator, which the office lends.",
]


@pytest.fixture(scope="module")
def english() -> KnownWords:
    return KnownWords(EDITS)


@pytest.fixture(scope="module")
def spell(english: KnownWords) -> Spelling:
    index = LexicalIndex()
    index.add(range(len(TEXTS)), TEXTS)
    return Spelling(index.words(lambda rows: [TEXTS[row] for row in rows]), english)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("wen dose the nursry open", "when does the nursery open"),
        ("Waht is the temprature for cutings?", "What is the temperature for cuttings?"),
        ("hwo much is the soop, becuase I am hungry", "how much is the soup, because I am hungry"),
        ("openinghours of the green house", "opening hours of the greenhouse"),
        ("the hand book", "the handbook"),
        ("when does the nursery cloze", "when does the nursery close"),
        ("Where does Ingrid Lindgrn live?", "Where does Ingrid Lindgren live?"),
        ("GREENHUOSE heating", "GREENHOUSE heating"),
        ("where are the germinatorr and the seeds", "where are the germinator and the seeds"),
    ],
)
def test_slips_are_mended(spell: Spelling, asked: str, meant: str) -> None:
    spelled = spell(asked)
    assert spelled.text == meant
    assert spelled.mended
    text = asked
    for mended in spelled.mended:
        text = text.replace(mended.written, mended.meant, 1)
    assert text == meant


@pytest.mark.parametrize(
    "asked",
    [
        "When does the nursery open?",
        "Where was the order of Petersen shipped?",  # not Peterson
        "where was petersons cousin petersen",
        "who is petter halverson",
        "Where was order 10401 shipped?",
        "what does sow_seed(depth) do",
        'who wrote "nursry"',
        "what is `greenhuose`",
        "how deep is grenhouse.toml",
        "is there a heater in the sauna",
        "what dose of iron do the saplings need",
        "Is there a Visbo?",
        "which EDR is used",
        "",
    ],
)
def test_what_is_named_known_or_quoted_stays(spell: Spelling, asked: str) -> None:
    assert spell(asked) == Spelled(asked)


def test_another_language_is_not_mended_into_english(english: KnownWords) -> None:
    texts = ["Die Bibliothek schickt Bücher nach Hause. We send books home, then we read."]
    index = LexicalIndex()
    index.add([0], texts)
    spell = Spelling(index.words(lambda rows: [texts[row] for row in rows]), english)
    assert spell("Wann sind die Bücher da?").text == "Wann sind die Bücher da?"
    assert spell("Wo ist die Bilbiothek und wer ist da?").text == "Wo ist die Bibliothek und wer ist da?"


def test_an_empty_corpus_mends_small_words_alone(english: KnownWords) -> None:
    spell = Spelling(LexicalIndex().words(lambda rows: []), english)
    assert spell("hwo does it work with Lindgrn").text == "how does it work with Lindgrn"


def test_words_that_were_removed_mend_nothing(english: KnownWords) -> None:
    index, texts = LexicalIndex(), {1: "the quibblewort grows", 2: "a lake"}
    index.add(list(texts), list(texts.values()))

    def spelled() -> str:
        return Spelling(index.words(lambda rows: [texts[row] for row in rows]), english)(
            "how does quibblewrot grow"
        ).text

    assert spelled() == "how does quibblewort grow"
    index.remove([1])
    assert spelled() == "how does quibblewrot grow"
