"""The tagger: how likely each tag is for each word of a text, and which word was meant.

The network is the encoder's upper layers, trained on, with heads for tags and for words. As in GECToR (Omelianchuk et
al. 2020) each word is tagged from the state of its first piece; the features of the word and its neighbours stand
beside that state, because the encoder sees no capitals. Sentences are read one by one, as in training. Knows words and
tags, never tokens of the target.

B sentences, N pieces, D hidden, W words, F features, T tags, P places, V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from app.likely_edits import encoder, tags
from app.likely_edits.encoder import HIDDEN, Layer
from app.likely_edits.tables import Tables
from app.likely_edits.tags import TAGS
from app.likely_edits.words import PARTS, RADIUS, Word, features_of, names_of
from corpora.store.atomic_write import replace_file

EMBEDDED, EMBEDDING, INNER = 8_000, 40, 320


@dataclass(frozen=True, slots=True)
class Inputs:
    """Words of all sentences in turn, each sentence with one more behind its last. ``first_W`` and ``last_W`` are the
    places of a word's first and last piece among all B * N.
    """

    states_BND: torch.Tensor
    mask_B11N: torch.Tensor | None
    first_W: torch.Tensor
    last_W: torch.Tensor
    features_WF: torch.Tensor


class Network(nn.Module):
    """``names`` is how many words and classes have an embedding, ``layers`` how many of the encoder are trained on."""

    def __init__(self, names: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.embedding = nn.Embedding(names, EMBEDDING)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.inner = nn.Linear(HIDDEN + (2 * RADIUS + 1) * EMBEDDING, INNER)
        self.tags = nn.Linear(INNER, len(TAGS))
        self.meant = nn.Linear(2 * HIDDEN, HIDDEN)
        self.rarity = nn.Parameter(torch.tensor(-1.0))

    def read(self, inputs: Inputs) -> torch.Tensor:
        """(W, 2D): the states of each word's first and last piece."""
        states_BND = inputs.states_BND
        for layer in self.layers:
            states_BND = layer(states_BND, inputs.mask_B11N)
        flat_D = states_BND.flatten(0, 1)
        return torch.cat((flat_D[inputs.first_W], flat_D[inputs.last_W]), dim=1)

    def tag(self, read_W2D: torch.Tensor, features_WF: torch.Tensor) -> torch.Tensor:
        """(W, T) logits; features stand as the parts of each place in turn."""
        places_W = self.embedding(features_WF).unflatten(1, (-1, PARTS)).sum(2).flatten(1)
        inner = nn.functional.gelu(self.inner(torch.cat((read_W2D[:, :HIDDEN], places_W), dim=1)))
        logits_WT: torch.Tensor = self.tags(inner)
        return logits_WT

    def words(self, read_W2D: torch.Tensor, words_VD: torch.Tensor, rarity_V: torch.Tensor) -> torch.Tensor:
        """(W, V) logits of the word that was meant."""
        logits_WV: torch.Tensor = self.meant(read_W2D) @ words_VD.T + self.rarity * rarity_V
        return logits_WV


MEANT = 22_000
"""So many of the most frequent words may be meant."""
LENGTH = 4.0
"""Mean length of the vectors by which the meant word is told."""
_RANK = 60.0
_LONGEST = 120
_ENDS = frozenset(".?!")  # marks as words of their own: the tagger was trained on words, not on text


@dataclass(frozen=True, slots=True)
class Tagged:
    """(W + 1, T) chances, those of BEFORE and those of AT each together 1; the last row is behind the last word.

    ``read_W`` are states for ``Tagger.meant``.
    """

    chances_WT: NDArray[np.float32]
    read_W: torch.Tensor


class Tagger:
    """Reads only; one object serves every thread."""

    def __init__(self, tables: Tables, network: Network) -> None:
        self._known = tables.vocabulary
        self._names = {name: at for at, name in enumerate(names_of(tables.vocabulary, EMBEDDED))}
        self._pieces = encoder.piece_tokenizer()
        self._lower = encoder.stored_lower(encoder.LAYERS - len(network.layers)).to(torch.bfloat16)
        self._network = network.to(torch.bfloat16).requires_grad_(False).eval()
        self._words_VD = vectors(tables.vocabulary, self._lower).to(torch.bfloat16)
        self._rarity_V = rarity(len(self._words_VD)).to(torch.bfloat16)

    @torch.inference_mode()
    def tag(self, words: Sequence[Word]) -> Tagged:
        """Each word's tags."""
        sentences = list(_sentences(words)) or [words]
        found = encoder.pieces_of([[word.text for word in one] for one in sentences], self._pieces)
        features_WF = np.concatenate([features_of(one, self._names, self._known) for one in sentences])
        inputs = Inputs(
            self._lower(found.ids_BN, found.mask_B11N), found.mask_B11N, found.first_W, found.last_W,
            torch.from_numpy(features_WF),
        )  # fmt: skip
        read_W = self._network.read(inputs)
        chances_WT = chances(self._network.tag(read_W, inputs.features_WF).float()).numpy()
        # The place behind a sentence is the one before the next.
        ends = np.cumsum([len(one) + 1 for one in sentences])[:-1] - 1
        before = slice(0, len(tags.BEFORE))
        for end in ends:
            if chances_WT[end, 0] < chances_WT[end + 1, 0]:
                chances_WT[end + 1, before] = chances_WT[end, before]
        kept = np.delete(np.arange(len(chances_WT)), ends)
        return Tagged(chances_WT[kept], read_W[torch.from_numpy(kept)])

    @torch.inference_mode()
    def meant(self, tagged: Tagged, places: Sequence[int]) -> NDArray[np.float32]:
        """(P, V) log chances that each word of the vocabulary was meant at each of P places."""
        read_P = tagged.read_W[torch.tensor(places)]
        logs_PV = self._network.words(read_P, self._words_VD, self._rarity_V).float().log_softmax(1)
        found_PV: NDArray[np.float32] = logs_PV.numpy()
        return found_PV


def chances(logits_WT: torch.Tensor) -> torch.Tensor:
    """Each group of tags shares out 1."""
    count = len(tags.BEFORE)
    return torch.cat((logits_WT[:, :count].softmax(1), logits_WT[:, count:].softmax(1)), dim=1)


def vectors(vocabulary: Mapping[str, int], lower: encoder.Lower) -> torch.Tensor:
    """(V, D) vectors of the words that may be meant."""
    frequent = sorted(vocabulary, key=vocabulary.__getitem__)[:MEANT]
    found = encoder.word_vectors(frequent, lower.pieces.weight.float(), encoder.piece_tokenizer())
    scaled_VD: torch.Tensor = found * (LENGTH / found.norm(dim=1).mean())
    return scaled_VD


def rarity(count: int) -> torch.Tensor:
    """(V,) the log of how rare each word is by its rank, about 0 (Zipf 1949)."""
    logs_V = torch.log(torch.arange(count) + _RANK)
    return logs_V - logs_V.mean()


def read_network(file: Path, tables: Tables) -> Network:
    """The trained weights."""
    state = load_file(file)
    layers = {name.split(".")[1] for name in state if name.startswith("layers.")}
    # What is drawn at random is overwritten at once, and nobody's draws may change by it.
    with torch.random.fork_rng(devices=[]):
        network = Network(len(names_of(tables.vocabulary, EMBEDDED)), len(layers))
    network.load_state_dict(state, assign=True)
    return network


def write_network(file: Path, network: Network) -> None:
    """Write the trained weights, in bfloat16; what was there stays until all is written."""
    arrays = {name: array.to(torch.bfloat16) for name, array in network.state_dict().items()}
    replace_file(file, lambda part: save_file(arrays, part))


def _sentences(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """Cut where a mark ends a sentence and a capital begins one, and where a sentence gets too long."""
    start = 0
    for at in range(1, len(words)):
        is_border = words[at - 1].text in _ENDS and words[at].text[:1].isupper() and at - start > 2
        if is_border or at - start >= _LONGEST:
            yield words[start:at]
            start = at
    if words[start:]:
        yield words[start:]
