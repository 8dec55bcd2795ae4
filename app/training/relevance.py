"""Trains the scorer of evidence: which sentence of some passages answers a question, or that none does.

    python -m app.training.relevance --material FILE --out app/models/relevance.npz

FILE is the material of `spandraft train prepare`. Features are those of serving; a list holds the sentences that
serving would score at once.
The loss is the listwise softmax (Cao et al. 2007, ListNet's top-one form) with "none of them" as one more item of score
0, as readers of SQuAD 2.0 have it. Must not know prompts or targets.

Shapes: L lists, C candidates of the longest list, R rows of all lists, F features, H hidden.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.training.data.candidates import Candidates
from app.training.data.material import Material
from app.training.examples.answers import DISTRACTORS, distractors, rank
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
from retrieval.relevance import Layers, LearnedRelevance
from retrieval.relevance_features import BEHIND_BEST, Candidate, Rarity, features, stems

_RAREST = 4
"""Words in fewer sentences count as unknown."""
_LESS_ALIKE = 5.0
"""Nats that a sentence loses for a cosine of 1 less than the best, beyond what was learned: encyclopaedias are not all
that is asked of, and there it costs nothing."""
_OTHER_DISTRACTORS = (0, 1, 2, 5, 7)
_VARIED_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Recipe:
    """The hyperparameters."""

    hidden: int = 96
    epochs: int = 10
    lists_a_step: int = 256
    rate: float = 2e-3
    decay: float = 0.05
    dropout: float = 0.2
    unanswerable: float = 0.25
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Lists:
    """Questions, each with its candidates: rows `starts_L[l]` to before `starts_L[l + 1]` are of list l.

    `right_R`: an answer's words stand in it; `gold_R`: it is the sentence that was annotated.
    """

    features_RF: NDArray[np.float32]
    right_R: NDArray[np.bool_]
    gold_R: NDArray[np.bool_]
    starts_L: NDArray[np.int64]
    answerable_L: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.answerable_L)


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of lists: the first sentence is right; it is and is shown when a tenth of the answerable are refused;
    unanswerable lists refused then.
    """

    first: float
    shown: float
    refused: float

    def __str__(self) -> str:
        return (
            f"first {self.first:.1%}, right at 10 % refused {self.shown:.1%}, unanswerable refused {self.refused:.1%}"
        )


class Network(nn.Module):
    """`retrieval.relevance.Layers` while they are trained; features are normalised by those of the training lists."""

    def __init__(self, features_RF: Tensor, recipe: Recipe) -> None:
        super().__init__()
        width = features_RF.shape[1]
        self.first, self.second = nn.Linear(width, recipe.hidden), nn.Linear(recipe.hidden, recipe.hidden)
        self.last, self.direct = nn.Linear(recipe.hidden, 1), nn.Linear(width, 1, bias=False)
        self.dropout = nn.Dropout(recipe.dropout)
        self.mean_F: Tensor
        self.scale_F: Tensor
        self.register_buffer("mean_F", features_RF.mean(dim=0))
        self.register_buffer("scale_F", features_RF.std(dim=0) + 1e-3)

    def forward(self, features_RF: Tensor) -> Tensor:
        """(R,) scores."""
        normal_RF = (features_RF - self.mean_F) / self.scale_F
        hidden_RH = self.dropout(torch.relu(self.first(normal_RF)))
        hidden_RH = hidden_RH + torch.relu(self.second(hidden_RH))
        scores_R: Tensor = (self.last(hidden_RH) + self.direct(normal_RF))[:, 0]
        return scores_R

    @torch.no_grad()
    def layers(self) -> Layers:
        """The weights of serving, with the normalisation folded in."""
        first_HF, direct_F = self.first.weight / self.scale_F, self.direct.weight[0] / self.scale_F
        raw_F = direct_F.clone()
        raw_F[BEHIND_BEST] += _LESS_ALIKE
        tensors = {
            "first_FH": first_HF.T,
            "first_bias_H": self.first.bias - first_HF @ self.mean_F,
            "second_HH": self.second.weight.T,
            "second_bias_H": self.second.bias,
            "last_H": self.last.weight[0],
            "direct_F": raw_F,
            "last_bias": self.last.bias[0] - direct_F @ self.mean_F,
        }
        return Layers(**{name: np.ascontiguousarray(one.numpy(), np.float32) for name, one in tensors.items()})


def learn_rarity(sentences: Sequence[str]) -> Rarity:
    """The rarity of words, from all sentences of a split."""
    counts = Counter(stem for sentence in sentences for stem in set(stems(sentence)))
    total = max(2, len(sentences))
    known = {stem: math.log(total / count) for stem, count in sorted(counts.items()) if count >= _RAREST}
    return Rarity(known, math.log(total / 2))


def draw(
    candidates: Candidates, rarity: Rarity, rng: random.Random, *, unanswerable: float, varied: bool, times: int = 1
) -> Lists:
    """Lists for every question, `times` each: its passage among likely others, or left out, as answer items have them.

    `varied`: some have fewer or more than four passages, as searches with other settings do.
    """
    drawn: list[tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], bool]] = []
    for number in range(len(candidates) * times):
        asked = candidates.question(number % len(candidates))
        left_out = rng.random() < unanswerable
        others = rng.choice(_OTHER_DISTRACTORS) if varied and rng.random() < _VARIED_SHARE else DISTRACTORS
        chosen = distractors(asked, rng, others + left_out, far=False) + ([] if left_out else [asked.own])
        rng.shuffle(chosen)
        rows = [row for passage in chosen for row in passage.sentences]
        judged = [
            Candidate(candidates.sentences[row], passage.passage, cosine)
            for passage in chosen
            for row, cosine in zip(passage.sentences, passage.cosines, strict=True)
        ]
        right = [any(answer in sentence.text for answer in asked.answers) for sentence in judged]
        shown = rank([sentence.similarity for sentence in judged])
        if not judged or (left_out and any(right[index] for index in shown)):
            continue  # An answer stands elsewhere, too.
        gold_C = np.array([row == asked.sentence for row in rows])
        drawn.append((features(asked.text, judged, rarity), np.array(right), gold_C, not left_out))
    return Lists(
        features_RF=np.concatenate([features_CF for features_CF, _, _, _ in drawn]),
        right_R=np.concatenate([right_C for _, right_C, _, _ in drawn]),
        gold_R=np.concatenate([gold_C for _, _, gold_C, _ in drawn]),
        starts_L=np.concatenate(([0], np.cumsum([len(right_C) for _, right_C, _, _ in drawn]))).astype(np.int64),
        answerable_L=np.array([is_answerable for _, _, _, is_answerable in drawn]),
    )


def learn(lists: Lists, recipe: Recipe) -> Network:
    """A network for the lists: the same for the same lists and recipe, on one machine."""
    torch.manual_seed(recipe.seed)
    features_RF = torch.from_numpy(lists.features_RF)
    network = Network(features_RF, recipe)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    steps = recipe.epochs * math.ceil(len(lists) / recipe.lists_a_step)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps + 1)
    for chosen_L in _batches(len(lists), recipe):
        rows_R, list_R = _rows(lists, chosen_L)
        loss = _loss(network(features_RF[rows_R]), list_R, lists, rows_R, len(chosen_L))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    network.train(mode=False)
    return network


def figures_of(scores_R: NDArray[np.float32], confidence_R: NDArray[np.float32], lists: Lists) -> Figures:
    """The figures of showing the candidate of highest score, if its confidence is high enough."""
    best_L = [
        start + int(np.argmax(scores_R[start:end]))
        for start, end in zip(lists.starts_L, lists.starts_L[1:], strict=False)
    ]
    right_L, confidence_L, answerable_L = lists.right_R[best_L], confidence_R[best_L], lists.answerable_L
    threshold = float(np.quantile(confidence_L[answerable_L], 0.1))
    shown_L = confidence_L >= threshold
    return Figures(
        first=float(right_L[answerable_L].mean()),
        shown=float((right_L & shown_L)[answerable_L].mean()),
        refused=float((~shown_L)[~answerable_L].mean()),
    )


def _batches(count: int, recipe: Recipe) -> Iterator[NDArray[np.int64]]:
    rng = np.random.default_rng(recipe.seed)
    for _ in range(recipe.epochs):
        order_L = rng.permutation(count)
        for start in range(0, count, recipe.lists_a_step):
            yield order_L[start : start + recipe.lists_a_step]


def _rows(lists: Lists, chosen_L: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """The rows of some lists, and for each row the number of its list among them."""
    spans = [np.arange(lists.starts_L[number], lists.starts_L[number + 1]) for number in chosen_L]
    numbers = np.repeat(np.arange(len(spans)), [len(span) for span in spans])
    return torch.from_numpy(np.concatenate(spans)), torch.from_numpy(numbers)


def _loss(scores_R: Tensor, list_R: Tensor, lists: Lists, rows_R: Tensor, count: int) -> Tensor:
    """Mean cross-entropy; the annotated sentence counts twice what others count that hold an answer's words."""
    right_R, gold_R = torch.from_numpy(lists.right_R)[rows_R], torch.from_numpy(lists.gold_R)[rows_R]
    weight_R = right_R * 0.5 + gold_R.float()
    weight_L = torch.zeros(count).index_add(0, list_R, weight_R)
    # The scores are bounded well below 60 nats, so that exp in float32 is safe without a maximum.
    total_L = torch.log1p(torch.zeros(count).index_add(0, list_R, scores_R.clamp(max=60).exp()))
    share_R = weight_R / weight_L.clamp(min=1e-9)[list_R]
    return (total_L.sum() - (share_R * scores_R).sum()) / count


def main(arguments: Sequence[str] | None = None) -> None:
    """Train it, print its figures on the validation articles, and write the file."""
    parser = argparse.ArgumentParser(description="Learn the scorer of evidence.")
    parser.add_argument("--material", type=Path, required=True, help="file that `spandraft train prepare` wrote")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    recipe, material = Recipe(seed=args.seed), Material(args.material)
    asked = material.answers("train")
    rarity = learn_rarity(asked.sentences)
    lists = draw(asked, rarity, random.Random(recipe.seed), unanswerable=recipe.unanswerable, varied=True)
    print(f"{len(lists)} lists, {len(lists.features_RF) / len(lists):.1f} sentences each")
    scorer = LearnedRelevance(find_encoder(DEFAULT_ENCODER).name, rarity, learn(lists, recipe).layers())
    scorer.write(args.out)
    held = draw(material.answers("validation"), rarity, random.Random(2), unanswerable=0.3, varied=False, times=3)
    cosine_R, scores_R = held.features_RF[:, 0], scorer.layers(held.features_RF)
    print(f"validation, {len(held)} lists of four passages")
    print(f"cosine:  {figures_of(cosine_R, cosine_R, held)}")
    print(f"learned: {figures_of(scores_R, scores_R, held)}")
    print(f"{args.out}: {args.out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
