"""Judges sentences by words: for questions in languages of which neither the encoder nor a scorer knows anything.

What share of a question's words a sentence has, by their stems, without accents, in compounds; rare words count for
more, and a word that nothing found has for most. Words that only ask ("combien", "wie viel", "多少钱") do not count.
Knows texts, not vectors or hits. S sentences, Q terms of the question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.evidence.relevance_features import Candidate
from retrieval.language import likeliest_language, small_words
from retrieval.terms import is_unspaced, terms
from retrieval.vocabulary import without_accents
from retrieval.word_forms import stems

_ASKING: Final = {
    "German": "viel viele lange oft hoch groß weit teuer heißt heissen kostet kosten gibt es habe hat haben kann "
    "können darf dürfen muss müssen soll ich du er sie wir man mein meine mir mich welche welcher welches wem wen "
    "wohin woher am ab an bei beim bis einen einem einer war werden zum zur oder vom aus nach um über steht liegt "
    "bitte wieviel",
    "French": "combien coûte coûtent prix quels quelles quand est-ce sont ont peut peuvent on je tu nous vous un des "
    "aux par pendant temps ces son sa ses ou faut y a t il elle doit puis avoir être fait s l d qu n",
    "Spanish": "cuánto cuánta cuántos cuántas cuesta cuestan cuáles quiénes son se puede pueden tener hay unos unas al "
    "a con su sus mi me hacer debe tiene tienen ser o y",
}
_ASKING_IN_CHINESE: Final = re.compile(
    "多少钱|多少|什么时候|什么|时候|哪里|哪儿|哪个|哪些|哪|谁|几点|几|怎么样|怎么|怎样|如何|为什么|为何|是否|可以|能否|能|会|请问"
    "|吗|呢|吧|的|了|是|有|在|和|与|我|你|要|需要|一"
)
_IN_LEAD, _NEARBY = 0.9, 0.6  # how much a word counts that stands above the sentence, or elsewhere in its passage
_FORM, _PART, _BIGRAM = 0.95, 0.7, 0.5  # how much another form counts, a compound, two characters together
_SHORTEST_PART: Final = 5
_OWN: Final = 0.4  # the share of a score that words elsewhere in the passage do not count for
_EVEN: Final = 0.66  # what a sentence has of the question where it is as likely as not to answer
_SLOPE, _COSINE_SLOPE = 12.0, 1.0


class LexicalRelevance:
    """A ``Relevance`` by words, for questions that are not English; the cosine only tells equals apart."""

    def scores(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        is_foreign: bool | None = None,
        passages: Sequence[str] = (),
    ) -> list[float]:
        """A linear function of the share of the question's words, by rarity, that a sentence has or stands near."""
        language = likeliest_language(question)
        asked = _asked(question, language)
        if not candidates or not asked:
            return [-_SLOPE * _EVEN] * len(candidates)
        own_SQ = _found(asked, [candidate.text for candidate in candidates], language)
        lead_SQ = _found(asked, [candidate.lead for candidate in candidates], language)
        near_SQ = np.zeros_like(own_SQ)
        passage_S = np.array([candidate.passage for candidate in candidates])
        for passage in set(passage_S.tolist()):
            near_SQ[passage_S == passage] = own_SQ[passage_S == passage].max(axis=0)
        frequency_Q = (np.maximum(own_SQ, lead_SQ) > 0).sum(axis=0)
        weight_Q = np.log(1 + len(candidates) / (frequency_Q + 0.5)) * np.array(
            [_BIGRAM if is_unspaced(term) and len(term) > 1 else 1.0 for term in asked]
        )
        own_or_lead_SQ = np.maximum(own_SQ, _IN_LEAD * lead_SQ)
        all_SQ = np.maximum(own_or_lead_SQ, _NEARBY * near_SQ)
        share_S = ((1 - _OWN) * all_SQ + _OWN * own_or_lead_SQ) @ weight_Q / weight_Q.sum()
        cosine_S = np.array([candidate.similarity for candidate in candidates])
        score_S = _SLOPE * (share_S - _EVEN) + _COSINE_SLOPE * (cosine_S - 0.5)
        score_S[own_or_lead_SQ.max(axis=1) == 0] -= _SLOPE * _EVEN
        return [float(score) for score in score_S]

    def missing(self, question: str, texts: Sequence[str], *, is_foreign: bool | None = None) -> tuple[str, ...]:
        """Nothing: a word that is missing may stand there in another language."""
        return ()


def _asked(question: str, language: str) -> list[str]:
    """The terms of a question but for the words that only ask, each once."""
    asking = frozenset(_ASKING.get(language, "").split()) | small_words(language)
    return list(dict.fromkeys(term for term in terms(_ASKING_IN_CHINESE.sub(" ", question)) if term not in asking))


def _found(asked: Sequence[str], texts: Sequence[str], language: str) -> NDArray[np.float64]:
    """(S, Q): how much of each term of the question each text has."""
    sought = [(without_accents(term), stem) for term, stem in zip(asked, stems(asked, language), strict=True)]
    found_SQ = np.zeros((len(texts), len(asked)))
    for row, text in enumerate(texts):
        words = terms(text)
        keys, own = set(map(without_accents, words)), set(stems(words, language))
        for column, (key, stem) in enumerate(sought):
            found_SQ[row, column] = (
                1.0
                if key in keys
                else _FORM
                if stem in own
                else _PART
                if any(_are_kin(stem, one) for one in own)
                else 0
            )
    return found_SQ


def _are_kin(one: str, other: str) -> bool:
    """Whether one stem is part of the other, or both begin alike: ``urlaub`` and ``jahresurlaub``."""
    short, long = sorted((one, other), key=len)
    if len(short) < _SHORTEST_PART:
        return False
    return short in long or (short[:_SHORTEST_PART] == long[:_SHORTEST_PART] and len(short) <= _SHORTEST_PART + 1)
