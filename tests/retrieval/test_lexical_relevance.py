"""Evidence for questions that are not English: judged by their words, an answer above 0 and nothing else."""

from __future__ import annotations

import pytest

from retrieval.evidence.lexical_relevance import LexicalRelevance
from retrieval.evidence.relevance_features import Candidate

GERMAN = (
    "Die Mitglieder zahlen jährlich 40 Euro.",
    "Die Werkstatt öffnet werktags um acht Uhr.",
    "Hunde dürfen in den Garten, aber nicht in die Werkstatt.",
    "Der Jahresurlaub beträgt dreißig Tage.",
)
FRENCH = (
    "L'atelier des potiers ouvre à neuf heures.",
    "Les élèves apportent leur tablier.",
    "Une séance coûte douze euros, la terre est comprise.",
)
SPANISH = (
    "La sala se cierra a las diez.",
    "Los socios pagan veinte euros al mes.",
    "Las bicicletas se dejan en el patio.",
)
CHINESE = ("茶馆每天早上七点开门。", "一壶绿茶十五元。", "二楼不能带宠物。")


def scores(question: str, texts: tuple[str, ...]) -> list[float]:
    candidates = [Candidate(text, number, 0.4) for number, text in enumerate(texts)]
    return LexicalRelevance().scores(question, candidates, is_foreign=True)


@pytest.mark.parametrize(
    ("question", "texts", "right"),
    [
        ("Wann öffnet die Werkstatt?", GERMAN, 1),
        ("wie viele Tage Urlaub gibt es", GERMAN, 3),
        ("Dürfen Hunde in den Garten?", GERMAN, 2),
        ("À quelle heure ouvre l'atelier ?", FRENCH, 0),
        ("combien coûte une seance", FRENCH, 2),
        ("¿Dónde se deja la bicicleta?", SPANISH, 2),
        ("茶馆几点开门？", CHINESE, 0),
        ("绿茶多少钱一壶", CHINESE, 1),
    ],
)
def test_the_sentence_with_the_words_is_the_likeliest(question: str, texts: tuple[str, ...], right: int) -> None:
    judged = scores(question, texts)
    assert judged.index(max(judged)) == right
    assert judged[right] > 0
    assert sum(score > 0 for score in judged) == 1


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        ("Wie lautet die Telefonnummer der Werkstatt?", GERMAN),
        ("Qui est le directeur de l'atelier ?", FRENCH),
        ("¿Quién es la directora de la sala?", SPANISH),
        ("茶馆的电话号码是多少？", CHINESE),
        ("wie was wo", GERMAN),
    ],
)
def test_what_no_sentence_has_is_unlikely_everywhere(question: str, texts: tuple[str, ...]) -> None:
    assert max(scores(question, texts)) < 0


def test_what_stands_above_a_sentence_counts_for_it() -> None:
    candidates = [
        Candidate("Um acht Uhr.", 0, 0.4, lead="Wann öffnet die Werkstatt?"),
        Candidate("Um zehn Uhr.", 0, 0.4, lead="Wann schließt der Garten?"),
    ]
    first, second = LexicalRelevance().scores("wann öffnet die werkstatt", candidates)
    assert first > max(0, second)


def test_nothing_found_has_no_scores() -> None:
    assert LexicalRelevance().scores("Wann ist das?", []) == []
