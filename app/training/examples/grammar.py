"""Correction examples: `<|g|> TEXT<|c|> CORRECTED<|eos|>` made from clean prose.

Knows the correction prompt, how sentences are grouped, and the two ways in which text is spaced. Must not know the
model.
"""

from __future__ import annotations

import difflib
import random
import re
from dataclasses import dataclass

from tokenizers import Tokenizer

from app.training.corruption.synthetic import Corruptor
from app.training.data import records, tokenizer
from app.training.data.tokenizer import encode
from app.training.examples.mixture import Example

LONGEST_TOKENS = 200

_MARK = re.compile(r"\s*([,;:?!()\"“”])\s*|(?<=[\w)])(\.)(?=$|[\"”])")


@dataclass(frozen=True, slots=True)
class GrammarMix:
    """The mixture of correction rows; shares are of the rows."""

    untouched: float = 0.28
    """Texts without an error, which must stay as they are."""
    spared: float = 0.05
    """Sentences left as they are in a text that has errors."""
    spaced: float = 0.1
    """Texts, both sides, whose marks stand alone ("do n't stop ."), as learner corpora have them."""
    edit_weight: float = 3.0
    """The weight of a token where the correction leaves the input; most tokens are copies, and weigh 1."""


@dataclass(frozen=True, slots=True)
class GrammarPairs:
    """Endless pairs from `texts`: paragraphs, each a list of clean sentences."""

    texts: list[list[str]]
    corruptor: Corruptor
    bpe: Tokenizer
    mix: GrammarMix = GrammarMix()

    def draw(self, rng: random.Random) -> Example:
        """One pair of at most LONGEST_TOKENS a side."""
        while True:
            source, corrected = self.pair(rng)
            source_ids = encode(self.bpe, " " + source)
            if len(source_ids) <= LONGEST_TOKENS:
                output = [*encode(self.bpe, " " + corrected), tokenizer.EOS]
                return Example(
                    task="grammar",
                    prompt=[tokenizer.GRAMMAR, *source_ids, tokenizer.CORRECTED],
                    output=output,
                    weights=edit_weights([*source_ids, tokenizer.EOS], output, heavy=self.mix.edit_weight),
                )

    def pair(self, rng: random.Random) -> tuple[str, str]:
        """(text as written, text as it should be): one to three sentences of one paragraph."""
        paragraph = rng.choice(self.texts)
        count = min(len(paragraph), rng.choices((1, 2, 3), weights=(80, 15, 5))[0])
        start = rng.randrange(len(paragraph) - count + 1)
        clean = paragraph[start : start + count]
        if rng.random() < self.mix.spaced:
            clean = [space_marks(s) for s in clean]
        written = clean if rng.random() < self.mix.untouched else [self._corrupted_or_not(s, rng) for s in clean]
        return " ".join(written), " ".join(clean)

    def _corrupted_or_not(self, sentence: str, rng: random.Random) -> str:
        return sentence if rng.random() < self.mix.spared else self.corruptor.corrupt(sentence, rng)


def space_marks(text: str) -> str:
    """Every mark as a word of its own, contractions split: "Don't stop." -> "Do n't stop ."."""
    spaced = _MARK.sub(lambda m: f" {m[1] or m[2]} ", text)
    spaced = re.sub(r"(?<=\w)(n't|'s|'re|'ve|'ll|'d|'m)\b", r" \1", spaced)
    return records.squeeze(spaced)


def edit_weights(source: list[int], output: list[int], *, heavy: float) -> list[float]:
    """`heavy` for output tokens that are not copied, and for the first one after something was left out."""
    weights = [1.0] * len(output)
    matcher = difflib.SequenceMatcher(None, source, output, autojunk=False)
    for tag, _, _, start, end in matcher.get_opcodes():
        if tag != "equal":
            for i in range(start, min(len(output), max(end, start + 1))):
                weights[i] = heavy
    return weights
