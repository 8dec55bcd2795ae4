"""The features of a question and of the units that may answer it; the same in training and in serving.

A unit is seen with what leads to it: a question or heading over it may have all the words that were asked. Knows texts
and cosines, not vectors, hits or what is made of the features. Plain string work: a few dozen units take a few
milliseconds. S units, F features, Q words of the question, A anchors.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from retrieval.evidence.anchors import ELSEWHERE, LEAD, NEAR, NOWHERE, PASSAGE, Anchor, anchors_of, standing
from retrieval.evidence.meanings import Meanings
from retrieval.interfaces import UnitKind

_WORD = re.compile(r"[^\W\d_]+|\d(?:[\d,.]*\d)?")
_ENDINGS = ("ing", "ed", "es", "s", "ly")
_SHORTEST_STEM = 3
_SMALL_WORDS = frozenset(
    """the a an of in to and was is for on as by with that at from were are be it his her he she they their its this
    which or not had has have but also who whom whose what when where how why did does do many much name type kind
    """.split()
)
_KINDS_OF_QUESTION = (
    r"who|whom", r"whose", r"when|what (?:year|date|day|month)|which year", r"what year|which year", r"where", r"which",
    r"why", r"how", r"how (?:many|much)", r"how (?:long|old|far|tall|high|large|big|fast)", r"what",
    r"(?:what|which) (?:city|country|state|place|area|region|town|river|island|continent)", r"percent|percentage",
    r"named?|called|known as|term", r"(?:type|kind|sort)s?", r"(?:what|which) (?:language|religion)",
    r"(?:what|which) (?:company|organi[sz]ation|group|team|band|person|king|author|president|album|song|book)",
    r"what happen(?:s|ed)|purpose|reason|cause[ds]?", r"other than|besides|along with|not",
)  # fmt: skip
_KINDS_OF_ANSWER = (
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b",
    r"%|\bpercent\b", r"[$£€]|\b(?:million|billion|dollars?|pounds?|euros?)\b",
    r"\b(?:because|due to|since|so that|in order|caused?|results?|therefore|thus|allows?)\b",
    r"[\"“”]", r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|dozen|half|third|hundred|thousand)\b",
    r"\b(?:called|named|known|termed|referred)\b", r"\(", r",[^,]*,", r"\b(?:is|are|was|were) (?:an?|the)\b",
    r"\b(?:years?|months?|days?|hours?|weeks?|centur(?:y|ies))\b", r"\b(?:such as|including|like)\b",
)  # fmt: skip
_PLACE = re.compile(r"\b(?:in|at|near|to|from) [A-Z]")
_STARTS_WITH_PRONOUN = re.compile(r"\W*(?:He|She|It|They|This|These|That|His|Her|Their|Its)\b")
_YEAR = re.compile(r"1\d{3}|20\d\d")
_LIST_LIMIT = 15
_QUESTION_KINDS = tuple(re.compile(rf"\b(?:{pattern})\b") for pattern in _KINDS_OF_QUESTION)
_ANSWER_KINDS = tuple(re.compile(pattern) for pattern in _KINDS_OF_ANSWER)
_BEGINS = re.compile(r"\W*(?:do|does|did|is|are|was|were|can|could|has|have|had)\b")
_ASKS = re.compile(r"[?\uff1f][\"'”’)*_]*\s*$")
# Sentences that send the reader elsewhere, tell when something came, or announce what follows.
_POINTS = re.compile(
    r"\bsee (?:also|the|section|chapter|page|below|above|https?)\b|^\W*see\b"
    r"|\b(?:described|explained|listed|shown|given|found|discussed|covered|documented)"
    r" (?:below|above|later|in (?:the )?(?:section|chapter|appendix|table|next|following))"
    r"|\bthis (?:section|chapter|page|document|guide|part|module|tutorial)"
    r" (?:describes|explains|covers|tells|lists|shows|contains|provides|documents|introduces)"
    r"|\bfor (?:more|further|details|a (?:full|complete|detailed))\b"
    r"|\brefer to\b|\bas follows\b|\bthe following\b|\bread more\b|\bmore (?:about|information|on)\b"
)
_CHANGED = re.compile(
    r"^\W*(?:changed|added|new|deprecated|removed)\b.{0,20}\b(?:in|since) (?:version|release|\d)|^\W*deprecated\b"
)
_ANCHOR_GROUPS = (("number", "date"), ("code", "quoted"), ("name",), ("word",))
_PREFIX = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit of text, the number of its passage, and its cosine to the question. Those of a passage come in its order.

    ``lead``: what leads to it (title, headings, a question, a label), one a line, the outermost first;
    ``lead_similarity``: the best cosine of the nearest of them to the question.
    """

    text: str
    passage: int
    similarity: float
    lead: str = ""
    lead_similarity: float = 0.0
    kind: UnitKind = "sentence"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What is known of words, by their stems: how rare each is, whether it names something, and what it means.

    ``known``: the logarithm of one over the share of sentences that have it; ``names``: stems that are mostly written
    with a capital.
    """

    known: Mapping[str, float]
    unknown: float
    names: frozenset[str] = field(default_factory=frozenset)
    meanings: Meanings = field(default_factory=Meanings, compare=False)

    def of(self, stem: str) -> float:
        """Nats; words never seen are the rarest."""
        return self.known.get(stem, self.unknown)

    def is_ordinary(self, stem: str) -> bool:
        """Whether it is a known word that names nothing."""
        return stem in self.known and stem not in self.names

    def is_name(self, stem: str) -> bool:
        """Whether it is known as a name."""
        return stem in self.names


def stems(text: str) -> list[str]:
    """The words of a text in small letters without common endings, in order."""
    return [stem(word) for word in _words(text)]


def anchors(question: str, rarity: Lexicon) -> tuple[Anchor, ...]:
    """What of the question must stand in the evidence."""
    return anchors_of(question, stem=stem, is_ordinary=rarity.is_ordinary, is_name=rarity.is_name)


def anchor_levels(
    asked: Sequence[Anchor], candidates: Sequence[Candidate], passages: Sequence[str] = ()
) -> NDArray[np.int8]:
    """(S, A): where each anchor stands, seen from each candidate; ``passages`` are the whole texts by their number."""
    return standing(asked, [(one.text, one.lead, one.passage) for one in candidates], passages, stem=stem)


def features(
    question: str,
    candidates: Sequence[Candidate],
    rarity: Lexicon,
    *,
    asked: Sequence[Anchor] | None = None,
    levels_SA: NDArray[np.int8] | None = None,
) -> NDArray[np.float32]:
    """(S, F): the features of each candidate among the others; those of the question are the same in every row.

    ``asked`` and ``levels_SA``: its anchors and where they stand, if the caller has them.
    """
    if asked is None or levels_SA is None:
        asked = anchors(question, rarity)
        levels_SA = anchor_levels(asked, candidates)
    query = _Question.of(question, rarity)
    words = [_words(candidate.text) for candidate in candidates]
    stemmed = [[stem(word) for word in words_of_one] for words_of_one in words]
    forms = [
        _form(candidate.text, own_words, own_stems, query)
        for candidate, own_words, own_stems in zip(candidates, words, stemmed, strict=True)
    ]
    parts = [
        _similarity(candidates),
        _overlap(query, candidates, stemmed),
        np.array(forms, dtype=np.float32),
        np.broadcast_to(np.array(query.kinds, np.float32), (len(candidates), len(query.kinds))),
        _leads(query, candidates, stemmed),
        _standing(asked, levels_SA),
        _meaning(query, candidates, stemmed, rarity.meanings),
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Question:
    stems: tuple[str, ...]
    telling: tuple[str, ...]
    rarity_Q: NDArray[np.float32]
    is_name_Q: NDArray[np.bool_]
    kinds: tuple[float, ...]

    @classmethod
    def of(cls, text: str, rarity: Lexicon) -> _Question:
        words = _words(text)
        stemmed = tuple(stem(word) for word in words)
        telling = tuple(dict.fromkeys(own for own in stemmed if own not in _SMALL_STEMS)) or stemmed[:1] or ("",)
        names = {own for word, own in zip(words[1:], stemmed[1:], strict=True) if word[0].isupper()}
        small = text.lower()
        kinds = [float(bool(kind.search(small))) for kind in _QUESTION_KINDS]
        return cls(
            stems=stemmed,
            telling=telling,
            rarity_Q=np.array([rarity.of(own) for own in telling], np.float32),
            is_name_Q=np.array([own in names for own in telling], np.bool_),
            kinds=(*kinds, float(bool(_BEGINS.match(small))), len(telling) / 12),
        )


def _similarity(candidates: Sequence[Candidate]) -> NDArray[np.float32]:
    """By the encoder: the cosine, its rank and distance among the others, and the best of its passage."""
    cosine_S = np.array([candidate.similarity for candidate in candidates], np.float32)
    passage_S = np.array([candidate.passage for candidate in candidates])
    place_S, size_S, best_S = (np.zeros(len(candidates), np.float32) for _ in range(3))
    for passage in dict.fromkeys(passage_S.tolist()):
        own = np.flatnonzero(passage_S == passage)
        place_S[own], size_S[own], best_S[own] = np.arange(len(own)), len(own), cosine_S[own].max()
    order = np.argsort(-cosine_S, kind="stable")
    rank_S = np.empty(len(candidates), np.float32)
    rank_S[order] = np.minimum(np.arange(len(candidates)), _LIST_LIMIT)
    best = cosine_S.max()
    rival_S = np.where(rank_S == 0, cosine_S[order[min(1, len(order) - 1)]], best)
    columns = (
        cosine_S, cosine_S - best, cosine_S - rival_S, rank_S / 8, best_S, best_S - best, np.minimum(place_S, 15) / 10,
        (place_S == 0), np.minimum(size_S, 15) / 10, np.full(len(candidates), np.log(len(candidates)) / 3),
    )  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def _overlap(asked: _Question, candidates: Sequence[Candidate], stemmed: list[list[str]]) -> NDArray[np.float32]:
    """By words: how much of the question the sentence has, its neighbours, and its passage."""
    sets = [set(own) for own in stemmed]
    found_SQ = np.array([[word in own for word in asked.telling] for own in sets], np.bool_)
    passage_S = np.array([candidate.passage for candidate in candidates])
    around_SQ, before_SQ, after_SQ = found_SQ.copy(), np.zeros_like(found_SQ), np.zeros_like(found_SQ)
    for passage in dict.fromkeys(passage_S.tolist()):
        around_SQ[passage_S == passage] = found_SQ[passage_S == passage].any(axis=0)
    same = passage_S[1:] == passage_S[:-1]
    before_SQ[1:][same], after_SQ[:-1][same] = found_SQ[:-1][same], found_SQ[1:][same]
    weight_Q, names_Q = asked.rarity_Q, asked.is_name_Q
    total = max(float(weight_Q.sum()), 1e-3)
    own_S, around_S = found_SQ @ weight_Q, around_SQ @ weight_Q
    pairs = set(pairwise(asked.stems))
    paired_S = [len(pairs.intersection(pairwise(own))) / max(1, len(pairs)) for own in stemmed]
    named = max(1, int(names_Q.sum()))
    missing = 0.5 if not names_Q.any() else 0.0
    columns = (
        own_S / total, own_S / 10, around_S / total, (found_SQ | before_SQ) @ weight_Q / total,
        after_SQ @ weight_Q / total, (own_S - own_S.max()) / total, (around_S - around_S.max()) / total,
        (found_SQ & names_Q).sum(axis=1) / named + missing, (around_SQ & names_Q).sum(axis=1) / named + missing,
        (found_SQ * weight_Q).max(axis=1) / 10, (~found_SQ * weight_Q).max(axis=1) / 10,
        (~around_SQ * weight_Q).max(axis=1) / 10, paired_S, found_SQ[:, 0], found_SQ[:, -1],
    )  # fmt: skip
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _form(text: str, words: list[str], own: list[str], asked: _Question) -> list[float]:
    """By form: what the sentence has that an answer of some kind would have, and the question has not."""
    known, small = set(asked.stems), text.lower()
    is_new = [word[0].isupper() and stem not in known for word, stem in zip(words, own, strict=True)]
    numbers = [word for word, stem in zip(words, own, strict=True) if word[0].isdigit() and stem not in known]
    return [
        min(sum(is_new[1:]), 6) / 6,
        min(sum(first and second for first, second in pairwise(is_new)), 4) / 4,
        min(len(numbers), 4) / 4,
        min(sum(bool(_YEAR.fullmatch(number)) for number in numbers), 3) / 3,
        float(bool(_PLACE.search(text))),
        float(bool(_STARTS_WITH_PRONOUN.match(text))),
        min(len(words), 60) / 60,
        min(len(set(own) - known - _SMALL_STEMS), 30) / 30,
        *(float(bool(kind.search(small))) for kind in _ANSWER_KINDS),
    ]


def _leads(query: _Question, candidates: Sequence[Candidate], stemmed: list[list[str]]) -> NDArray[np.float32]:
    """By what leads to the unit and what it says beyond that; and by the beginnings of words."""
    telling, weight_Q = query.telling, query.rarity_Q
    total = max(float(weight_Q.sum()), 1e-3)
    known = {lead: _Lead.of(lead) for lead in dict.fromkeys(one.lead for one in candidates)}
    leads = [known[one.lead] for one in candidates]
    sets = [set(own) for own in stemmed]
    nearest_SQ = _found(telling, [lead.nearest for lead in leads])
    all_SQ = _found(telling, [lead.all for lead in leads])
    own_SQ = _found(telling, sets)
    both_SQ = own_SQ | all_SQ
    heads = [own[:_PREFIX] for own in telling]
    begun_SQ = _found(heads, [{own[:_PREFIX] for own in one} for one in sets])
    begun_both_SQ = begun_SQ | _found(heads, [{own[:_PREFIX] for own in lead.all} for lead in leads])
    both_S, begun_both_S = both_SQ @ weight_Q, begun_both_SQ @ weight_Q
    similarity_S = np.array([one.similarity for one in candidates], np.float32)
    lead_S = np.array([one.lead_similarity for one in candidates], np.float32)
    either_S = np.maximum(similarity_S, lead_S)
    passage_S = np.array([one.passage for one in candidates])
    same = passage_S[1:] == passage_S[:-1]
    before_S, after_S = np.zeros_like(similarity_S), np.zeros_like(similarity_S)
    before_S[1:][same], after_S[:-1][same] = similarity_S[:-1][same], similarity_S[1:][same]
    under = _places_under(candidates)
    asked = set(query.stems)
    new = [len(own - asked - lead.all - _SMALL_STEMS) for own, lead in zip(sets, leads, strict=True)]
    precise_S = [len(lead.nearest & asked) / max(1, len(lead.nearest)) for lead in leads]
    small = [one.text.lower() for one in candidates]
    columns = (
        lead_S, lead_S - lead_S.max(), lead_S - similarity_S, either_S - either_S.max(),
        [bool(one.lead) for one in candidates], [min(lead.count, 4) / 4 for lead in leads],
        [lead.asks for lead in leads], nearest_SQ @ weight_Q / total, all_SQ @ weight_Q / total, both_S / total,
        (both_S - both_S.max()) / total, (~both_SQ * weight_Q).max(axis=1) / 10, precise_S,
        begun_SQ @ weight_Q / total, begun_both_S / total, (begun_both_S - begun_both_S.max()) / total,
        (~begun_both_SQ * weight_Q).max(axis=1) / 10, np.minimum(under, 8) / 8, under == 0, before_S, after_S,
        [one.kind == "row" for one in candidates], [one.kind == "list" for one in candidates],
        [min(count, 10) / 10 for count in new], [count == 0 for count in new],
        [bool(_ASKS.search(one)) for one in small], [bool(_POINTS.search(one)) for one in small],
        [bool(_CHANGED.search(one)) for one in small], [one.rstrip().endswith(":") for one in small],
    )  # fmt: skip
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _meaning(
    query: _Question, candidates: Sequence[Candidate], stemmed: list[list[str]], meanings: Meanings
) -> NDArray[np.float32]:
    """By the meanings of words: how near the nearest word of the unit, of its leads, of its passage is to each."""
    of_lead = {lead: sorted(_Lead.of(lead).all) for lead in dict.fromkeys(one.lead for one in candidates)}
    own = [[word for word in dict.fromkeys(words) if word not in _SMALL_STEMS] for words in stemmed]
    said = list(dict.fromkeys(word for words in (*own, *of_lead.values()) for word in words))
    place = {word: number for number, word in enumerate(said)}
    likeness_QW = meanings.likeness(query.telling, said)
    own_SQ = _nearest(likeness_QW, own, place)
    lead_of = dict(zip(of_lead, _nearest(likeness_QW, list(of_lead.values()), place), strict=True))
    lead_SQ = np.array([lead_of[one.lead] for one in candidates])
    both_SQ = np.maximum(own_SQ, lead_SQ)
    around_SQ = both_SQ.copy()
    passage_S = np.array([one.passage for one in candidates])
    for passage in dict.fromkeys(passage_S.tolist()):
        around_SQ[passage_S == passage] = both_SQ[passage_S == passage].max(axis=0)
    weight_Q = query.rarity_Q / max(float(query.rarity_Q.sum()), 1e-3)
    own_S, lead_S, both_S, around_S = (one @ weight_Q for one in (own_SQ, lead_SQ, both_SQ, around_SQ))
    columns = (
        own_S, own_S - own_S.max(), lead_S, both_S, both_S - both_S.max(), both_SQ.min(axis=1), around_S,
        around_SQ.min(axis=1), np.sort(both_SQ, axis=1)[:, :2].mean(axis=1),
    )  # fmt: skip
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _nearest(
    likeness_QW: NDArray[np.float32], texts: Sequence[Sequence[str]], place: Mapping[str, int]
) -> NDArray[np.float32]:
    """(S, Q): how near the nearest word of each text is to each word of the question."""
    rows = [
        likeness_QW[:, [place[word] for word in words]].max(axis=1) if words else np.zeros(len(likeness_QW))
        for words in texts
    ]
    return np.array(rows, np.float32)


@dataclass(frozen=True, slots=True)
class _Lead:
    """The lines over a unit: the telling stems of the nearest and of all, how many there are, whether it asks."""

    nearest: frozenset[str]
    all: frozenset[str]
    count: int
    asks: bool

    @classmethod
    def of(cls, lead: str) -> _Lead:
        lines = [line for line in lead.split("\n") if line.strip()]
        told = [frozenset(stems(line)) - _SMALL_STEMS for line in lines]
        nearest = told[-1] if told else frozenset()
        return cls(nearest, frozenset().union(*told), len(lines), bool(lines) and _ASKS.search(lines[-1]) is not None)


def _found(words: Sequence[str], sets: Sequence[set[str] | frozenset[str]]) -> NDArray[np.bool_]:
    """(S, Q)"""
    return np.array([[word in own for word in words] for own in sets], np.bool_)


def _places_under(candidates: Sequence[Candidate]) -> NDArray[np.int_]:
    """How many units stand between each and what leads to it."""
    places = [0]
    for before, one in pairwise(candidates):
        places.append(places[-1] + 1 if (before.passage, before.lead) == (one.passage, one.lead) else 0)
    return np.array(places)


def _standing(asked: Sequence[Anchor], levels_SA: NDArray[np.int8]) -> NDArray[np.float32]:
    """By anchors: of each group how many there are, and which share stands here, near, in the passage, or nowhere."""
    columns: list[NDArray[np.float32]] = []
    for group in _ANCHOR_GROUPS:
        chosen_A = np.array([anchor.kind in group for anchor in asked], np.bool_)
        columns += _shares(levels_SA[:, chosen_A])
    strict_SA = levels_SA[:, np.array([anchor.strict for anchor in asked], np.bool_)]
    here_S, *_ = _shares(strict_SA)[1:]
    near_S = _shares(strict_SA)[2]
    columns += [here_S - here_S.max(initial=0), near_S - near_S.max(initial=0), (strict_SA == ELSEWHERE).any(axis=1)]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _shares(levels_SA: NDArray[np.int8]) -> list[NDArray[np.float32]]:
    rows, count = levels_SA.shape
    if not count:
        zeros_S, ones_S = np.zeros(rows, np.float32), np.ones(rows, np.float32)
        return [zeros_S, ones_S, ones_S, ones_S, zeros_S]
    many_S = np.full(rows, min(count, 3) / 3)
    found = [(levels_SA <= level).mean(axis=1) for level in (LEAD, NEAR, PASSAGE)]
    return [np.asarray(one, np.float32) for one in (many_S, *found, (levels_SA == NOWHERE).mean(axis=1))]


def _words(text: str) -> list[str]:
    return _WORD.findall(text if text.isascii() else unicodedata.normalize("NFKC", text))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A word in small letters without a common ending, so that "closes", "closing" and "close" are one."""
    small = word.casefold()
    if small.endswith("ies") and len(small) > _SHORTEST_STEM + 2:
        return small[:-2]
    for ending in _ENDINGS:
        if small.endswith(ending) and len(small) - len(ending) >= _SHORTEST_STEM and not small.endswith("ss"):
            small = small[: -len(ending)]
            if ending in ("ing", "ed") and small[-1] == small[-2] and small[-1] not in "ls":
                small = small[:-1]
            break
    if len(small) > _SHORTEST_STEM and small[-1] == "e":
        return small[:-1]
    return small[:-1] + "i" if len(small) > _SHORTEST_STEM and small[-1] == "y" else small


_SMALL_STEMS = _SMALL_WORDS | {stem(word) for word in _SMALL_WORDS}
