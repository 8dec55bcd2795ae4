"""Rows that can only be predicted by looking back: the copying curriculum.

`CopySpans`, `CopyRepeats` and `CopySentence` are of random tokens, so that the model learns to copy, and not which word
follows which; copying arrives early this way, before language is learned at all. `QuotedSentences` are answer rows
over real sentences whose only difficulty is to copy to the end: a small model copies by the last tokens alone, and
jumps where another position goes on from the same ones ("of the", ", and"). Here such a position is made on purpose,
in the sentence itself or in a twin of it. Knows the two prompt forms as token ids. Must not know questions: a question
is a part of the sentence.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from app.training.data.tokenizer import (
    ANSWER,
    CORRECTED,
    EOS,
    EVIDENCE,
    GRAMMAR,
    QUESTION,
    SCORE_0,
    SPECIALS,
    VOCABULARY,
    encode,
)
from app.training.examples.mixture import Example


@dataclass(frozen=True, slots=True)
class CopySpans:
    """Rows `<|g|> x<|c|> x<|eos|>` over random tokens; some are repeats inside, so a longer match has to decide."""

    longest: int = 48

    def draw(self, rng: random.Random) -> Example:
        """One row of 6 to `longest` random tokens, copied."""
        span = random_tokens(rng, rng.randint(6, self.longest))
        if rng.random() < 0.2:
            start = rng.randrange(len(span))
            span += span[start : start + rng.randint(1, 4)] + random_tokens(rng, 3)
        output = [*span, EOS]
        return Example(task="copy", prompt=[GRAMMAR, *span, CORRECTED], output=output, weights=[1.0] * len(output))


@dataclass(frozen=True, slots=True)
class CopyRepeats:
    """Rows over a few tokens only, digits and words among them, so that one matching token never decides the position.

    Without these a small model copies by the last token alone, and jumps wherever a text repeats itself.
    """

    frequent: tuple[int, ...]
    longest: int = 60

    def draw(self, rng: random.Random) -> Example:
        """One row of 8 to `longest` tokens drawn from 3 to 24, copied."""
        few = rng.randint(3, 24)
        letters = [rng.choice(self.frequent) if rng.random() < 0.5 else random_tokens(rng, 1)[0] for _ in range(few)]
        span = rng.choices(letters, k=rng.randint(8, self.longest))
        output = [*span, EOS]
        return Example(task="copy", prompt=[GRAMMAR, *span, CORRECTED], output=output, weights=[1.0] * len(output))


@dataclass(frozen=True, slots=True)
class CopySentence:
    """The answer form over random tokens: the question repeats a part of the sentence that is to be copied.

    `digits` are the ids of "1" to "8", `opening` and `closing` those of " [" and "]".
    """

    digits: tuple[int, ...]
    opening: int
    closing: int

    def draw(self, rng: random.Random) -> Example:
        """One row of 2 to 6 random sentences; the named one is copied behind its number."""
        count = rng.randint(2, 6)
        sentences = [random_tokens(rng, rng.randint(5, 16)) for _ in range(count)]
        gold = rng.randrange(count)
        start = rng.randrange(len(sentences[gold]) - 2)
        question = sentences[gold][start : start + rng.randint(2, 5)] + random_tokens(rng, rng.randint(0, 4))
        prompt, number, numbers = [QUESTION, *question], 1, []
        for i, sentence in enumerate(sentences):
            number += i > 0 and rng.random() < 0.6
            numbers.append(number)
            prompt += [EVIDENCE, SCORE_0 + rng.randrange(10), *self._numbered(number), *sentence]
        output = [*self._numbered(numbers[gold]), *sentences[gold], EOS]
        return Example(task="copy", prompt=[*prompt, ANSWER], output=output, weights=[1.0] * len(output))

    def _numbered(self, number: int) -> list[int]:
        return [self.opening, self.digits[number - 1], self.closing]


def sentences_for(bpe: Tokenizer) -> CopySentence:
    """CopySentence with this tokenizer's ids of the numbering."""
    opening, one, closing = (bpe.encode(" [1]").ids[i] for i in range(3))
    digits = tuple(bpe.encode(str(n)).ids[0] for n in range(1, 9))
    assert digits[0] == one, "digits stand alone"
    return CopySentence(digits=digits, opening=opening, closing=closing)


def repeats_for(bpe: Tokenizer) -> CopyRepeats:
    """CopyRepeats with this tokenizer's ids of digits, marks and the commonest words."""
    text = '0 1 2 3 4 5 6 7 8 9 , . ( ) " - ; the of and to in a is was for that it as with on by he at from his'
    return CopyRepeats(frequent=tuple(sorted({i for word in text.split() for i in bpe.encode(" " + word).ids})))


def random_tokens(rng: random.Random, count: int) -> list[int]:
    """`count` ids, specials excluded, each as likely as any other."""
    return [rng.randrange(len(SPECIALS), VOCABULARY) for _ in range(count)]


SENTENCE_TOKENS = 120
"""Longer sentences are cut: rows stay short, so that a larger share of their tokens is copied."""
PROMPT_TOKENS = 360


@dataclass(frozen=True, slots=True)
class QuotedSentences:
    """Endless rows over `texts`: paragraphs, each a list of sentences. Shares are of the rows."""

    texts: list[list[str]]
    bpe: Tokenizer
    twins: float = 0.5
    """Rows with a second sentence that differs from the quoted one in a single run of tokens."""
    repeats: float = 0.4
    """Rows whose quoted sentence has a few of its tokens twice, followed by different ones."""

    def draw(self, rng: random.Random) -> Example:
        """One row of up to five sentences; the one that the question is a part of is copied behind its number."""
        others = self._sentences(rng)
        gold = others.pop(rng.randrange(len(others)))
        if rng.random() < self.repeats:
            gold = with_repeat(gold, rng)
        place = rng.randrange(max(1, len(gold) - 8))
        if rng.random() < self.twins:
            twin, place = with_change(gold, rng.choice([*others, gold]), rng)
            others.insert(rng.randint(0, len(others)), twin)
        at = 0 if rng.random() < 0.5 else rng.randint(0, len(others))
        ordered = [*others[:at], gold, *others[at:]]
        first = max(0, place - rng.randint(0, 3))
        prompt, number, numbers = [QUESTION, *gold[first : first + rng.randint(5, 12)]], 1, []
        for i, sentence in enumerate(ordered):
            number += i > 0 and rng.random() < 0.6
            numbers.append(number)
            prompt += [EVIDENCE, SCORE_0 + rng.randrange(10), *self._numbered(number), *sentence]
        output = [*self._numbered(numbers[at]), *gold, EOS]
        return Example(task="quote", prompt=[*prompt, ANSWER], output=output, weights=[1.0] * len(output))

    def _sentences(self, rng: random.Random) -> list[list[int]]:
        """One to five neighbours of one paragraph, as many as there is room for."""
        paragraph = rng.choice(self.texts)
        count = rng.randint(1, 5)
        start = rng.randrange(max(1, len(paragraph) - count + 1))
        chosen: list[list[int]] = []
        room = PROMPT_TOKENS
        for text in paragraph[start : start + count]:
            ids = encode(self.bpe, " " + text)[:SENTENCE_TOKENS]
            room -= len(ids)
            if chosen and room < 0:
                break
            chosen.append(ids)
        return chosen

    def _numbered(self, number: int) -> list[int]:
        return encode(self.bpe, f" [{number}]")


def with_repeat(ids: Sequence[int], rng: random.Random) -> list[int]:
    """The sentence with a run of one to four of its tokens repeated at another position."""
    start = rng.randrange(len(ids))
    at = rng.randint(0, len(ids))
    return [*ids[:at], *ids[start : start + rng.randint(1, 4)], *ids[at:]]


def with_change(ids: Sequence[int], other: Sequence[int], rng: random.Random) -> tuple[list[int], int]:
    """A twin with one run of up to eight tokens exchanged for a run of `other`, and the position of that run.

    One of the two runs may be empty; they are equal only by chance, as where a token is repeated.
    """
    at = rng.randint(min(2, len(ids) - 1), len(ids) - 1)
    start = rng.randrange(len(other))
    gone, come = rng.randint(0, 8), rng.randint(0, 8)
    if gone == come == 0:
        gone = 1
    return [*ids[:at], *other[start : start + come], *ids[at + gone :]], at
