"""Learns which edits a correction is likely to make.

    python -m app.training.edit_tagger.train --data DIR --out FILE

Clean prose is corrupted; a network on top of the sentence encoder learns, for each word, what was done to it. FILE has
the vocabulary by frequency, the forms of its words, and known misspellings; beside it, ending in .safetensors, stand
the network's weights. Knows prose and tags; must not know tokens.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from app.likely_edits import encoder
from app.likely_edits.tables import Tables, read_tables, write_tables
from app.likely_edits.tagger import write_network
from app.likely_edits.words import words_of
from app.training.corruption import word_forms
from app.training.corruption.learner_errors import LearnerErrors
from app.training.data import prose, records
from app.training.edit_tagger.examples import Batch, Batches, Undoing, batch_of
from app.training.edit_tagger.network import Learner

VOCABULARY, RAREST = 50_000, 3
RARE, SHORT = 2, 2
BATCH, MORE = 64, 5.0
LAYERS = 3
SURELY_RIGHT = 200
"""A word that some list calls a misspelling is right if the prose has it more often."""


def main() -> None:
    """Train the network and write the files."""
    parser = argparse.ArgumentParser(prog="python -m app.training.edit_tagger.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked training data")
    parser.add_argument("--out", type=Path, required=True, help="the file to write; weights go beside it")
    parser.add_argument("--sentences", type=int, default=360_000)
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="end after so many minutes, the rate falling faster"
    )
    parser.add_argument(
        "--begin", type=Path, default=None, help="weights to go on from, at a lower rate, with the tables beside them"
    )
    parser.add_argument("--layers", type=int, default=LAYERS, help="upper layers of the encoder that learn too")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    rng = random.Random(arguments.seed)
    texts = prose.clean_texts(arguments.data, "train", rng, more=MORE)
    misspelt = records.misspellings(arguments.data)
    begin = arguments.begin
    tables = collect(texts, misspelt) if begin is None else known_words(begin.with_suffix(".npz"), misspelt)
    tables = replace(tables, rare=rare_words(texts, tables))
    write_tables(arguments.out, tables)
    undoing = Undoing(errors_of(texts, misspelt, tables), tables)
    held_out_sentences, sources = prose.tagger_sentences(texts, rng)
    counts = ", ".join(str(len(sentences)) for _, sentences in sources)
    print(f"sentences: {counts}; {len(tables.vocabulary)} words, {len(tables.misspelt)} misspellings", flush=True)
    held_out = _batches(held_out_sentences, undoing, rng)
    steps = arguments.sentences // BATCH
    learned = Batches(sources, undoing, seed=arguments.seed, count=steps, size=BATCH)
    learner = Learner(tables, layers=arguments.layers, begin=begin)
    loader = torch.utils.data.DataLoader(learned, batch_size=None, num_workers=1, prefetch_factor=8)
    weights = arguments.out.with_suffix(".safetensors")
    learner.train(loader, steps, lambda network: write_network(weights, network), minutes=arguments.minutes)
    print(f"held out: {learner.held_out(held_out)}", flush=True)


def errors_of(texts: Iterable[Sequence[str]], misspelt: Mapping[str, Sequence[str]], tables: Tables) -> LearnerErrors:
    """The errors that are made with the words of these texts."""
    forms = word_forms.learn(sentence for text in texts for sentence in text)
    known = {good: list(bad) for good, bad in misspelt.items() if good in tables.vocabulary}
    return LearnerErrors(forms, known, sorted(tables.vocabulary, key=tables.vocabulary.__getitem__))


def _batches(sentences: Sequence[str], undoing: Undoing, rng: random.Random) -> list[Batch]:
    examples = [undoing.example(sentence, rng) for sentence in sentences]
    tokenizer = encoder.piece_tokenizer()
    return [batch_of(examples[at : at + BATCH], tokenizer) for at in range(0, len(examples), BATCH)]


def rare_words(texts: Iterable[Sequence[str]], tables: Tables) -> frozenset[str]:
    """Words in small letters that the prose has more than once, and the vocabulary and the misspellings do not."""
    counts = Counter(word.text for text in texts for sentence in text for word in words_of(sentence))
    return frozenset(
        word
        for word, count in counts.items()
        if count >= RARE and len(word) > SHORT and word.isascii() and word.isalpha() and word.islower()
        and word not in tables.vocabulary and word not in tables.misspelt
    )  # fmt: skip


def collect(texts: Iterable[Sequence[str]], misspelt: Mapping[str, Sequence[str]]) -> Tables:
    """Vocabulary, word forms and misspellings, all from the prose's frequent words; no network yet."""
    counts: Counter[str] = Counter()
    for text in texts:
        for sentence in text:
            # A word that begins a sentence may be any word; a capital elsewhere is a name's.
            counts.update(word.text for word in words_of(sentence)[1:] if word.text[0].islower() or word.text == "I")
    wrong = {bad for slips in misspelt.values() for bad in slips}
    kept = (
        word
        for word, count in counts.most_common()
        if count >= RAREST and (word.lower() not in wrong or count > SURELY_RIGHT)
    )
    frequent = dict.fromkeys(word.lower() for word in itertools.islice(kept, VOCABULARY))
    vocabulary = {word: rank for rank, word in enumerate(frequent)}
    return Tables(vocabulary, families_of(vocabulary), slips_of(misspelt, vocabulary))


def known_words(file: Path, misspelt: Mapping[str, Sequence[str]]) -> Tables:
    """The vocabulary of a file, with the word forms and misspellings that are known now."""
    tables = read_tables(file)
    return replace(tables, families=families_of(tables.vocabulary), misspelt=slips_of(misspelt, tables.vocabulary))


def families_of(vocabulary: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """The other forms of every word, those that are in the vocabulary."""
    forms = word_forms.learn(word for word in vocabulary for _ in range(3))
    families: dict[str, tuple[str, ...]] = {}
    for word in vocabulary:
        others = [*forms.verbs.get(word, ()), forms.nouns.get(word, ""), forms.adverbs.get(word, "")]
        if family := tuple(dict.fromkeys(other for other in others if other in vocabulary and other != word)):
            families[word] = family
    return families


def slips_of(misspelt: Mapping[str, Sequence[str]], vocabulary: Mapping[str, int]) -> dict[str, str]:
    """Known misspellings of the vocabulary, and what the rules make of words that go another way."""
    pairs = ((bad, good) for good, slips in misspelt.items() if good in vocabulary for bad in slips)
    ies = (word for word in vocabulary if word.endswith("ies") and word[:-3] + "y" in vocabulary)
    ruled = {word[:-3] + "ys": word for word in ies} | word_forms.regularized(vocabulary)
    return {bad: good for bad, good in (*pairs, *ruled.items()) if bad not in vocabulary}


if __name__ == "__main__":
    main()
