"""Passages in the forms that documents have: with title and headings, as questions and answers, with labels, as lists.

Knows passages, their questions and texts; not vectors or features. What is drawn is written from a passage's own
sentences and questions, so that all texts that ever may be drawn are known beforehand (``texts_of``).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.training.relevance.phrasings import topic
from retrieval.interfaces import UnitKind

_CLAUSE = re.compile(r"[,;:] | \(|\) | - | – ")
_NAMES_THINGS = re.compile(
    r"\b(?:such as|including|includes?|are|were|like) "
    r"((?:[^,.;]{2,40}, ){1,6}[^,.;]{2,40},? (?:and|or) [^,.;]{2,40})\.$"
)
_POINTERS = (
    "See {} for more.", "See also {}.", "This section describes {}.", "{} is described below.", "For {}, see below.",
    "Changed in version 3.{n}: {}.", "For details on {}, see the next chapter.", "The following tells about {}.",
    "More about {} can be found at the end.", "Added in version 2.{n}: {}.",
)  # fmt: skip
_FORMS = ("plain", "plain", "titled", "titled", "headed", "headed", "faq", "faq", "label")


@dataclass(frozen=True, slots=True)
class AskedOf:
    """A question, its answers, and the number of the sentence that has one."""

    text: str
    answers: tuple[str, ...]
    sentence: int


@dataclass(frozen=True, slots=True)
class Page:
    """A passage of an article and what is asked of it."""

    title: str
    sentences: tuple[str, ...]
    asked: tuple[AskedOf, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """What may be quoted, as ``relevance_features.Candidate`` has it. ``sentence`` None: it was put in."""

    text: str
    sentence: int | None
    leads: tuple[str, ...] = ()
    kind: UnitKind = "sentence"


@dataclass(frozen=True, slots=True)
class Asking:
    """The question that a list is drawn for, if it is one of the page's; the page does not have it as it stands."""

    asked: AskedOf | None = None
    as_typed: str = ""
    without: frozenset[int] = field(default_factory=frozenset)
    """Sentences that are taken away."""


def short_forms(question: AskedOf, sentence: str) -> list[str]:
    """What an answer under a question may be cut to: the clause that has it, and the answer alone."""
    forms = []
    answer = min((one for one in question.answers if one in sentence), key=len, default=None)
    if answer is None:
        return []
    clauses = [part.strip(" .") for part in _CLAUSE.split(sentence) if answer in part]
    if clauses and len(clauses[0].split()) >= 3 and len(clauses[0]) < 0.8 * len(sentence):
        forms.append(clauses[0][:1].upper() + clauses[0][1:] + ".")
    if len(answer.split()) <= 12:
        forms.append(answer[:1].upper() + answer[1:] + ("." if len(answer.split()) > 2 else ""))
    return forms


def pointers(subject: str) -> list[str]:
    """Sentences about a subject that say nothing of it; two of them, the same for the same subject."""
    rng = random.Random(subject)
    small = subject[:1].lower() + subject[1:] if subject[1:2].islower() else subject
    return [one.format(small, n=rng.randrange(4, 14)) for one in rng.sample(_POINTERS, 2)]


def listed(sentence: str) -> str | None:
    """A sentence that names three things or more, as a list with its lead-in; None for any other."""
    match = _NAMES_THINGS.search(sentence)
    if match is None:
        return None
    items = re.split(r",? (?:and|or) |, ", match[1])
    return sentence[: match.start(1)].strip() + ":\n" + "\n".join(f"- {item}" for item in items)


def headings(page: Page) -> list[str]:
    """What may stand over the page: what its questions are about."""
    return list(dict.fromkeys(one for asked in page.asked if (one := topic(asked.text))))


def texts_of(page: Page) -> Iterator[str]:
    """All texts that may be drawn of a page."""
    yield page.title
    yield from page.sentences
    for asked in page.asked:
        yield asked.text
        yield from short_forms(asked, page.sentences[asked.sentence])
    for heading in headings(page):
        yield heading
        yield from pointers(heading)
    yield from (one for sentence in page.sentences if (one := listed(sentence)))


def units(page: Page, asking: Asking, rng: random.Random) -> list[Unit]:
    """The page in a form of chance; what the question is about may stand over it or in a pointer."""
    form = rng.choice(_FORMS)
    head = () if form == "plain" or rng.random() < 0.15 else (page.title,)
    heading = _heading(page, asking, rng)
    if form == "headed" and heading is not None:
        head = (*head, heading)
    drawn: list[Unit] = []
    lead: tuple[str, ...] = ()
    for number, text in enumerate(page.sentences):
        asked = _asked_here(page, asking, number, rng)
        if form in ("faq", "label") and asked is not None:
            lead = _lead(form, asked, asking, page, rng)
        if number in asking.without:
            continue
        drawn.append(_unit(number, text, (*head, *lead), form, asked, rng))
    if heading is not None and rng.random() < 0.25:
        drawn.insert(rng.randrange(len(drawn) + 1), Unit(rng.choice(pointers(heading)), None, head))
    return drawn


def _unit(number: int, text: str, leads: tuple[str, ...], form: str, asked: AskedOf | None, rng: random.Random) -> Unit:
    if form in ("faq", "label") and asked is not None:
        short = short_forms(asked, text)
        if short and rng.random() < (0.5 if form == "faq" else 0.9):
            return Unit(rng.choice(short), number, leads, "sentence")
    if (as_list := listed(text)) is not None and rng.random() < 0.5:
        return Unit(as_list, number, leads, "list")
    return Unit(text, number, leads)


def _asked_here(page: Page, asking: Asking, number: int, rng: random.Random) -> AskedOf | None:
    """One of the questions of this sentence; of those that are none of the list's, where there are any."""
    own = [one for one in page.asked if one.sentence == number]
    if asking.asked is not None and asking.asked in own:
        same = [one for one in own if set(one.answers) & set(asking.asked.answers) and one != asking.asked]
        return rng.choice(same) if same and rng.random() < 0.6 else asking.asked
    return rng.choice(own) if own else None


def _lead(form: str, asked: AskedOf, asking: Asking, page: Page, rng: random.Random) -> tuple[str, ...]:
    if form == "label":
        about = topic(asked.text)
        return () if about is None else (about,)
    # Most people do not ask in the very words of the page.
    is_same = asked == asking.asked and asked.text == asking.as_typed
    if is_same and rng.random() < 0.6:
        return ()
    return (asked.text,)


def _heading(page: Page, asking: Asking, rng: random.Random) -> str | None:
    if asking.asked is not None and rng.random() < 0.35 and (about := topic(asking.asked.text)):
        return about
    own = headings(page)
    return rng.choice(own) if own else None
