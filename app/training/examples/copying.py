"""The copying curriculum: rows that can only be predicted by looking back.

Knows the two prompt forms as token ids. Must not know real text: the tokens are random, so that what is learnt is to
copy, and not which word follows which. Copying arrives early this way, before language is learnt at all.
"""

from __future__ import annotations

import random
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
    """Rows over a few tokens only, digits and words among them, so that one matching token never tells the place.

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
    """The answer form over random tokens: the question repeats a piece of the sentence that is to be copied.

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
