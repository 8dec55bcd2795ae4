"""Learns which edits a correction is likely to make.

    python -m app.training.edit_tagger.train --data DIR --out FILE

Clean prose is corrupted; a network on top of the sentence encoder learns, for each word, what was done to it. The
encoder's lower layers are frozen; its upper layers and the heads learn, in bfloat16 where that is exact enough. FILE
has the vocabulary by frequency, the forms of its words, and known misspellings; beside it, ending in .safetensors,
stand the network's weights. Knows prose and tags; must not know tokens.

Shapes: B sentences, N pieces, D hidden, W words, F features, T tags, V words of the vocabulary.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from app.likely_edits import encoder, tagger
from app.likely_edits.tables import Tables, read_tables, write_tables
from app.likely_edits.tagger import EMBEDDED, Inputs, Network, write_network
from app.likely_edits.tags import BEFORE
from app.likely_edits.words import names_of, words_of
from app.training.corruption import word_forms
from app.training.corruption.learner_errors import LearnerErrors
from app.training.data import prose, records
from app.training.edit_tagger.examples import Batch, Batches, Undoing, batch_of

VOCABULARY, RAREST = 50_000, 3
RARE, SHORT = 2, 2
BATCH, MORE = 64, 5.0
LAYERS = 3
SURELY_RIGHT = 200
"""A word that some list calls a misspelling is right if the prose has it more often."""

LAYER_RATE, HEAD_RATE, WARMUP, LEAST_SHARE = 4e-4, 2e-3, 200, 0.02
CONTINUED_SHARE = 0.5
MEANT_WEIGHT = 0.1
_SHOWN, _KEPT = 100, 500


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


@dataclass(frozen=True, slots=True)
class Losses:
    """Mean cross entropies in nats: of the insertion before a word, of its own edit, and of the word that was meant."""

    before: torch.Tensor
    at: torch.Tensor
    meant: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        """The loss that is minimized."""
        return self.before + self.at + MEANT_WEIGHT * self.meant

    def __str__(self) -> str:
        return f"before {self.before.item():.4f}  at {self.at.item():.4f}  meant {self.meant.item():.3f}"


class Learner:
    """A network over the encoder's lower layers."""

    def __init__(self, tables: Tables, *, layers: int, begin: Path | None = None) -> None:
        """The encoder's own layers and new heads, or the network in `begin`, over the same tables.

        The `layers` upper layers of the encoder learn; layers that `begin` lacks are the encoder's.
        """
        lowest = encoder.LAYERS - layers
        self._lower = encoder.stored_lower(lowest).to(torch.bfloat16)
        self._words_VD = tagger.vectors(tables.vocabulary, self._lower).to(torch.bfloat16)
        self._rarity_V = tagger.rarity(len(self._words_VD))
        self._share = 1.0 if begin is None else CONTINUED_SHARE
        self.network = Network(len(names_of(tables.vocabulary, EMBEDDED)), layers)
        for number, layer in enumerate(self.network.layers):
            layer.load_state_dict(encoder.stored_layer(lowest + number))
        if begin is not None:
            begun = tagger.read_network(begin, tables).float()
            begun.layers = nn.ModuleList([*self.network.layers[: layers - len(begun.layers)], *begun.layers])
            self.network = begun

    def train(
        self, batches: Iterable[Batch], steps: int, keep: Callable[[Network], None], *, minutes: float = math.inf
    ) -> None:
        """Train by AdamW with a falling rate; `keep` gets the network now and then, and at the end.

        It ends after `minutes` at the latest, when the rate has fallen, too.
        """
        rates = (LAYER_RATE, HEAD_RATE)
        heads = [weights for name, weights in self.network.named_parameters() if not name.startswith("layers.")]
        groups = [{"params": list(self.network.layers.parameters())}, {"params": heads}]
        optimizer = torch.optim.AdamW(groups, lr=HEAD_RATE, weight_decay=0.01)
        started = time.monotonic()
        for step, batch in enumerate(batches, start=1):
            done = max(step / steps, (time.monotonic() - started) / (60 * minutes))
            share = min(1, step / min(WARMUP, 1 + steps // 10)) * max(LEAST_SHARE, 1 - done)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share * self._share
            losses = self.losses(batch)
            optimizer.zero_grad()
            torch.autograd.backward(losses.total)
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimizer.step()
            if step % _SHOWN == 0:
                print(f"step {step}/{steps}  {losses}  {time.monotonic() - started:.0f} s", flush=True)
            if step % _KEPT == 0 or done >= 1:
                keep(self.network)
            if done >= 1:
                return

    def losses(self, batch: Batch) -> Losses:
        """The losses of the network on a batch."""
        with torch.no_grad():
            states_BND = self._lower(batch.pieces.ids_BN, batch.pieces.mask_B11N)
        pieces = batch.pieces
        inputs = Inputs(states_BND, pieces.mask_B11N, pieces.first_W, pieces.last_W, batch.features_WF)
        replaced = (batch.meant_W >= 0).nonzero()[:, 0]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            read_W = self.network.read(inputs)
            logits_WT = self.network.tag(read_W, batch.features_WF).float()
            words_WV = self.network.words(read_W[replaced], self._words_VD, self._rarity_V).float()
        before_WT, at_WT = logits_WT[:, : len(BEFORE)], logits_WT[:, len(BEFORE) :]
        meant = nn.functional.cross_entropy(words_WV, batch.meant_W[replaced], reduction="sum") / max(1, len(replaced))
        cross_entropy = nn.functional.cross_entropy
        return Losses(cross_entropy(before_WT, batch.before_W), cross_entropy(at_WT, batch.at_W), meant)

    @torch.no_grad()
    def held_out(self, batches: Sequence[Batch]) -> Losses:
        """Mean losses of batches."""
        every = [self.losses(batch) for batch in batches]
        means = (torch.stack([getattr(losses, name) for losses in every]).mean() for name in ("before", "at", "meant"))
        return Losses(*means)


if __name__ == "__main__":
    main()
