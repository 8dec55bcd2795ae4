"""Grammar examples: `<|g|> TEXT<|c|> CORRECTED<|eos|>` made from clean prose.

Knows which prose is clean, how texts are grouped, and the two ways text is spaced. Must not know the model.
"""

from __future__ import annotations

import difflib
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from app.training.corruption.synthetic import Corruptor
from app.training.data import records, tokenizer
from app.training.examples.mixture import Example

LONGEST_TOKENS = 200

COMMON_WORDS = 6000
_PLAIN_SHARE = 0.93
_PLAIN_WORDS = 28

_SOURCES = (("enwiki", 0.2), ("novels_le1928", 0.25), ("ms_cpp_docs", 0.1), ("squad", 0.5))
"""Which prose, and how much of it: far more than a run of some ten million tokens sees."""

_CLEAN = re.compile(r"^[\"“‘(]?[A-Z][\x20-\x7e“”‘’–—£éèöüáñç]*[.!?][\"'”’)]*$")
_LOST_APOSTROPHE = re.compile(r"\w (?:s|t|d|m|ll|re|ve)\b")
_MARK = re.compile(r"\s*([,;:?!()\"“”])\s*|(?<=[\w)])(\.)(?=$|[\"”])")


@dataclass(frozen=True, slots=True)
class GrammarMix:
    """What correction rows are like; shares are of the rows."""

    untouched: float = 0.28
    """Texts without an error: the rest of what is read must not be changed either."""
    spared: float = 0.05
    """Sentences left as they are in a text that has errors."""
    spaced: float = 0.1
    """Texts, both sides, whose marks stand alone ("do n't stop ."), as learner corpora have them."""
    edit_weight: float = 3.0
    """How much more a token counts where the correction leaves the input: most tokens are mere copies."""


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
        written = clean if rng.random() < self.mix.untouched else [self._maybe(s, rng) for s in clean]
        return " ".join(written), " ".join(clean)

    def _maybe(self, sentence: str, rng: random.Random) -> str:
        return sentence if rng.random() < self.mix.spared else self.corruptor.corrupt(sentence, rng)


def clean_texts(folder: Path, split: records.Split, rng: random.Random, *, more: float = 1.0) -> list[list[str]]:
    """Paragraphs of clean sentences of one split, from all the prose there is; questions count as paragraphs.

    `more` multiplies how much is taken of each source.
    """
    texts: list[list[str]] = []
    for source, share in _SOURCES:
        for title, text in _paragraphs(folder, source):
            if rng.random() < share * more and records.split_of(title) == split:
                texts.append(clean_sentences(text))
    for question in records.squad_questions(folder):
        if rng.random() < 0.08 * more and records.split_of(question.title) == split:
            texts.append(clean_sentences(question.question))
    return [t for t in texts if t]


def plain_texts(texts: list[list[str]]) -> list[list[str]]:
    """Their short sentences of common words, as learners write: names and terms teach little about grammar."""
    counts = Counter(word for text in texts for sentence in text for word in _letters(sentence))
    common = {word for word, _ in counts.most_common(COMMON_WORDS)}

    def is_plain(sentence: str) -> bool:
        words = _letters(sentence)
        known = sum(word in common for word in words)
        return len(sentence.split()) <= _PLAIN_WORDS and known >= _PLAIN_SHARE * max(1, len(words))

    return [kept for text in texts if (kept := [s for s in text if is_plain(s)])]


def _paragraphs(folder: Path, source: str) -> Iterator[tuple[str, str]]:
    if source == "squad":
        return ((passage.title, passage.text) for passage in records.squad_passages(folder))
    return records.paragraphs(folder, source)


def _letters(sentence: str) -> list[str]:
    return [word.strip("\"'“”‘’.,;:?!()").lower() for word in sentence.split()]


def clean_sentences(text: str) -> list[str]:
    """Its sentences that begin with a capital, end with a mark and have 3 to 55 words."""
    return [
        s for s in records.sentences(text)
        if 3 <= len(s.split()) <= 55
        and _CLEAN.match(s)
        and not _LOST_APOSTROPHE.search(s)
        and s.count('"') % 2 == 0
    ]  # fmt: skip


def space_marks(text: str) -> str:
    """Every mark as a word of its own, contractions cut: "Don't stop." -> "Do n't stop ."."""
    spaced = _MARK.sub(lambda m: f" {m[1] or m[2]} ", text)
    spaced = re.sub(r"(?<=\w)(n't|'s|'re|'ve|'ll|'d|'m)\b", r" \1", spaced)
    return records.squeeze(spaced)


def encode(bpe: Tokenizer, text: str) -> list[int]:
    """Token ids of a text; special tokens written in it are ordinary characters."""
    bpe.encode_special_tokens = True
    ids: list[int] = bpe.encode(text, add_special_tokens=False).ids
    return ids


def edit_weights(source: list[int], output: list[int], *, heavy: float) -> list[float]:
    """`heavy` for output tokens that are not copied, and for the first one after something was left out."""
    weights = [1.0] * len(output)
    matcher = difflib.SequenceMatcher(None, source, output, autojunk=False)
    for tag, _, _, start, end in matcher.get_opcodes():
        if tag != "equal":
            for i in range(start, min(len(output), max(end, start + 1))):
                weights[i] = heavy
    return weights
