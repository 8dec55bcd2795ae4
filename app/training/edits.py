"""`python -m app.training.edits --data DIR --out FILE`: learns which changes a correction is likely to make.

Clean prose is corrupted; a small network learns, from a word and its neighbours, what was done to it. Written with it
into one file: the vocabulary by frequency, the forms of its words, and known misspellings. Knows prose and tags;
must not know tokens. B words in a batch, F features of each, E embedding, H hidden, T tags.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from app.likely_edits.features import PARTS, RADIUS, features_of, names_of
from app.likely_edits.tables import Tables, write_tables
from app.likely_edits.tags import DROP, KEEP, TAGS, tag_of
from app.likely_edits.words import Word, words_of
from app.training import data, grammar, word_forms
from app.training.errors_synth import Corruptor

VOCABULARY, EMBEDDED = 22_000, 8_000
EMBEDDING, HIDDEN = 40, 224
BATCH, RATE = 2048, 2e-3
PLAIN_SHARE, LONGEST, HELD_OUT = 0.6, 40, 2000
SURELY_RIGHT = 200
"""A word that some list calls a misspelling is right if the prose has it more often."""


@dataclass(frozen=True, slots=True)
class Examples:
    """(B, F) feature indices and (B) tags."""

    features_BF: NDArray[np.int32]
    tags_B: NDArray[np.int64]


def main() -> None:
    """Learn and write the file."""
    parser = argparse.ArgumentParser(prog="python -m app.training.edits", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked training data")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--sentences", type=int, default=600_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    rng = random.Random(arguments.seed)
    texts = grammar.clean_texts(arguments.data, "train", rng)
    misspelt = data.misspellings(arguments.data)
    tables = collect(texts, misspelt)
    forms = word_forms.learn(sentence for text in texts for sentence in text)
    corruptor = Corruptor(forms, {good: bad for good, bad in misspelt.items() if good in tables.vocabulary})
    held, plain = _short(grammar.plain_texts(texts), rng)
    every = _short(texts, rng)[1]
    print(f"{len(plain)} plain sentences, {len(tables.vocabulary)} words, {len(tables.misspelt)} misspellings")
    drawn = (rng.choice(plain if rng.random() < PLAIN_SHARE else every) for _ in range(arguments.sentences))
    learned = examples(drawn, corruptor, tables, rng)
    held_out = examples(held, corruptor, tables, rng)
    network = train(learned, held_out, tables, epochs=arguments.epochs)
    write_tables(arguments.out, tables, weights_of(network))


def _short(texts: Iterable[Sequence[str]], rng: random.Random) -> tuple[list[str], list[str]]:
    """Their sentences of at most LONGEST words, mixed: HELD_OUT of them and the others."""
    sentences = [sentence for text in texts for sentence in text if len(sentence.split()) <= LONGEST]
    rng.shuffle(sentences)
    return sentences[:HELD_OUT], sentences[HELD_OUT:]


def collect(texts: Iterable[Sequence[str]], misspelt: Mapping[str, Sequence[str]]) -> Tables:
    """Vocabulary, word forms and misspellings, all from the prose's frequent words; no network yet."""
    counts: Counter[str] = Counter()
    for text in texts:
        for sentence in text:
            # A word that begins a sentence may be any word; a capital elsewhere is a name's.
            counts.update(word.text for word in words_of(sentence)[1:] if word.text[0].islower() or word.text == "I")
    wrong = {bad for slips in misspelt.values() for bad in slips}
    kept = (word for word, count in counts.most_common() if word.lower() not in wrong or count > SURELY_RIGHT)
    vocabulary = {word.lower(): rank for rank, word in enumerate(itertools.islice(kept, VOCABULARY))}
    found = word_forms.learn(word for word in vocabulary for _ in range(3))
    families: dict[str, tuple[str, ...]] = {}
    for word in vocabulary:
        others = [*found.verbs.get(word, ()), found.nouns.get(word, ""), found.adverbs.get(word, "")]
        if forms := tuple(dict.fromkeys(other for other in others if other in vocabulary and other != word)):
            families[word] = forms
    pairs = ((bad, good) for good, slips in misspelt.items() if good in vocabulary for bad in slips)
    return Tables(vocabulary, families, {bad: good for bad, good in pairs if bad not in vocabulary}, {})


def examples(sentences: Iterable[str], corruptor: Corruptor, tables: Tables, rng: random.Random) -> Examples:
    """Every word of the corrupted sentences, with what undoes the corruption."""
    names = {name: index for index, name in enumerate(names_of(tables.vocabulary, EMBEDDED))}
    place = {tag: index for index, tag in enumerate(TAGS)}
    features, tags = [], []
    for sentence in sentences:
        wrong = corruptor.corrupt(sentence, rng)
        if rng.random() < 0.5:
            wrong = corruptor.corrupt(wrong, rng)
        words = words_of(wrong)
        if words:
            features.append(features_of(words, names))
            tags.append([place[tag] for tag in tags_between(words, words_of(sentence), tables)])
    return Examples(np.concatenate(features), np.concatenate([np.asarray(one, dtype=np.int64) for one in tags]))


def tags_between(old: Sequence[Word], new: Sequence[Word], tables: Tables) -> list[str]:
    """A tag for each old word and one for the place behind the last. Of several at one word the first counts."""
    tags = [KEEP] * (len(old) + 1)
    matcher = difflib.SequenceMatcher(None, [word.lower for word in old], [word.lower for word in new], autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "insert":
            tags[i] = tag_of(None, new[k].text, tables.families, tables.vocabulary)
        elif kind == "delete":
            tags[i:j] = [DROP] * (j - i)
        else:
            for at in range(i, j):
                other = new[k + at - i].text if k + at - i < m else None
                if tags[at] == KEEP:
                    tags[at] = tag_of(old[at].text, other, tables.families, tables.vocabulary)
    return tags


class Tagger(nn.Module):
    """Embeddings of a word and its neighbours, summed over their features, and one hidden layer."""

    def __init__(self, names: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(names, EMBEDDING)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.hidden = nn.Linear((2 * RADIUS + 1) * EMBEDDING, HIDDEN)
        self.tags = nn.Linear(HIDDEN, len(TAGS))

    def forward(self, features_BF: torch.Tensor) -> torch.Tensor:
        """(B, T) logits; features stand as the parts of each place in turn."""
        places_BPE = self.embedding(features_BF).unflatten(1, (-1, PARTS)).sum(2)
        logits_BT: torch.Tensor = self.tags(torch.relu(self.hidden(places_BPE.flatten(1))))
        return logits_BT


def train(learned: Examples, held: Examples, tables: Tables, *, epochs: int, batch: int = BATCH) -> Tagger:
    """Adam with a falling rate; prints the held-out loss."""
    network = Tagger(len(names_of(tables.vocabulary, EMBEDDED)))
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    steps = epochs * (len(learned.tags_B) // batch)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=steps)
    features, tags = torch.from_numpy(learned.features_BF), torch.from_numpy(learned.tags_B)
    started, step = time.monotonic(), 0
    for _ in range(epochs):
        for batch_B in torch.split(torch.randperm(len(tags)), batch)[: len(tags) // batch]:
            loss = nn.functional.cross_entropy(network(features[batch_B]), tags[batch_B])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            step += 1
            if step % 500 == 0:
                print(f"step {step}/{steps}  {loss.item():.4f}  {time.monotonic() - started:.0f} s", flush=True)
        print(f"held out: {held_out_loss(network, held):.4f} nats a word", flush=True)
    return network


@torch.inference_mode()
def held_out_loss(network: Tagger, held: Examples) -> float:
    """Mean cross entropy."""
    logits_BT = network(torch.from_numpy(held.features_BF))
    return float(nn.functional.cross_entropy(logits_BT, torch.from_numpy(held.tags_B)))


def weights_of(network: Tagger) -> dict[str, NDArray[np.float32]]:
    """The network's arrays by the names under which the tables keep them."""
    return {
        "embedding_NE": network.embedding.weight.detach().numpy(),
        "hidden_HP": network.hidden.weight.detach().numpy(),
        "hidden_H": network.hidden.bias.detach().numpy(),
        "tags_TH": network.tags.weight.detach().numpy(),
        "tags_T": network.tags.bias.detach().numpy(),
    }


if __name__ == "__main__":
    main()
