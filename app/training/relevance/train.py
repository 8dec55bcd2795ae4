"""Trains the scorer of evidence: which unit of some passages answers a question, or that none does.

    python -m app.training.relevance.train --data FOLDER --cache FOLDER --asked tests/questions --out FILE

FOLDER of the data is where its archive is unpacked; the cache keeps vectors and the rarity of words. Features are those
of serving; a list holds the units that serving would score at once. The loss is the listwise softmax (Cao et al. 2007,
ListNet's top-one form) with "none of them" as one more item of score 0, as readers of SQuAD 2.0 have it. The questions
that were written for it (``app.training.relevance.written``) are part of the lists. What is served is calibrated on the
tuning half of the question set (Platt 1999). Must not know prompts or targets.

Shapes: L lists, C candidates of the longest list, R rows of all lists, F features, H hidden.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.training.data import records
from app.training.data.embeddings import embed, load_encoder
from app.training.relevance.lists import LIST_KINDS, Judged, Lists, draw, featured
from app.training.relevance.questions import Amounts, Questions, read_questions
from app.training.relevance.synonyms import common_words, meanings, synonyms
from app.training.relevance.vectors import Vectors
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
from retrieval.evidence.relevance import Layers, LearnedRelevance, is_in_vain
from retrieval.evidence.relevance_features import Lexicon, anchor_levels, anchors, stem

_RAREST = 6
"""Words in fewer sentences count as unknown."""
_NAME_SHARE = 0.7
"""Words that are written with a capital more often inside sentences are names."""
_NOVEL_PARAGRAPHS = 60_000
_WORD = re.compile(r"[^\W\d_]+")
_DIMENSION = 384
_LEAST_SCALE = 0.1
"""What is rarely seen in training may be seen often in serving, and must not be blown up then."""
_SLOPES = np.arange(0.2, 1.31, 0.05).tolist()
_OFFSETS = np.arange(-2, 2.01, 0.1).tolist()
_FEW = Amounts(articles=12, pages_an_article=25, qed=150, tables=60)


@dataclass(frozen=True, slots=True)
class Recipe:
    """The hyperparameters. ``questions``: how many of the data's are drawn; those written for this are all taken."""

    hidden: int = 128
    epochs: int = 8
    lists_a_step: int = 256
    rate: float = 2e-3
    decay: float = 0.05
    dropout: float = 0.2
    questions: int = 15_000
    seed: int = 1


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
    """`relevance.Layers` of serving while they are trained; features are normalised by those of the training lists."""

    def __init__(self, features_RF: Tensor, recipe: Recipe) -> None:
        super().__init__()
        width = features_RF.shape[1]
        self.first, self.second = nn.Linear(width, recipe.hidden), nn.Linear(recipe.hidden, recipe.hidden)
        self.last, self.direct = nn.Linear(recipe.hidden, 1), nn.Linear(width, 1, bias=False)
        self.dropout = nn.Dropout(recipe.dropout)
        self.mean_F: Tensor
        self.scale_F: Tensor
        self.register_buffer("mean_F", features_RF.mean(dim=0))
        self.register_buffer("scale_F", features_RF.std(dim=0).clamp(min=_LEAST_SCALE))

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
        tensors = {
            "first_FH": first_HF.T,
            "first_bias_H": self.first.bias - first_HF @ self.mean_F,
            "second_HH": self.second.weight.T,
            "second_bias_H": self.second.bias,
            "last_H": self.last.weight[0],
            "direct_F": direct_F,
            "last_bias": self.last.bias[0] - direct_F @ self.mean_F,
        }
        return Layers(**{name: np.ascontiguousarray(one.numpy(), np.float32) for name, one in tensors.items()})


def learn_rarity(sentences: Iterable[str]) -> Lexicon:
    """The rarity of words, and which of them name something, from clean sentences."""
    counts: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    total = 2
    for sentence in sentences:
        words = _WORD.findall(sentence)
        stemmed = [stem(word) for word in words]
        counts.update(set(stemmed))
        inside.update(stemmed[1:])
        capital.update(own for own, word in zip(stemmed[1:], words[1:], strict=True) if word[0].isupper())
        total += 1
    known = {own: math.log(total / count) for own, count in sorted(counts.items()) if count >= _RAREST}
    names = frozenset(own for own in known if capital[own] > _NAME_SHARE * inside[own])
    return Lexicon(known, math.log(total / 2), names)


def clean_sentences(folder: Path) -> Iterator[str]:
    """Sentences of encyclopaedia, documentation and novels, which people's words are counted in."""
    novels = itertools.islice(records.paragraphs(folder, "novels_le1928"), _NOVEL_PARAGRAPHS)
    for _, paragraph in (*records.paragraphs(folder, "enwiki"), *records.paragraphs(folder, "ms_cpp_docs"), *novels):
        yield from records.sentences(paragraph)
    for passage in records.squad_passages(folder):
        if records.split_of(passage.title) == "train":
            yield from records.sentences(passage.text)


def learn(lists: Lists, recipe: Recipe) -> Network:
    """A network for the lists: the same for the same lists and recipe, on one machine."""
    torch.manual_seed(recipe.seed)
    features_RF = torch.from_numpy(lists.features_RF)
    network = Network(features_RF, recipe)
    _train(network, lists, recipe)
    return network


def calibration(network: Network, judged: Iterable[Judged], lexicon: Lexicon) -> tuple[float, float]:
    """What scores are multiplied by, and what is added, so that the best one is the log-odds that it is right.

    The lists are none that the network has learned from; what is asked in vain is left out.
    """
    scorer = LearnedRelevance("", lexicon, network.layers())
    best: list[float] = []
    is_right: list[bool] = []
    for one in judged:
        asked = anchors(one.question, lexicon)
        if is_in_vain(asked, anchor_levels(asked, one.candidates, one.passages)):
            continue
        scores = scorer.scores(one.question, one.candidates, is_foreign=False, passages=one.passages)
        first = int(np.argmax(scores))
        best.append(scores[first])
        is_right.append(one.right[first])
    right = np.array(is_right)

    def loss(slope: float, offset: float) -> float:
        odds = np.clip(slope * np.array(best) + offset, -30, 30)
        return float(np.log1p(np.exp(np.where(right, -odds, odds))).mean())

    return min(itertools.product(_SLOPES, _OFFSETS), key=lambda pair: loss(*pair))


def scaled(layers: Layers, slope: float, offset: float) -> Layers:
    """Layers whose scores are ``slope`` times these, and ``offset`` more."""
    return replace(
        layers,
        last_H=(layers.last_H * slope).astype(np.float32),
        direct_F=(layers.direct_F * slope).astype(np.float32),
        last_bias=np.asarray(layers.last_bias * slope + offset, np.float32),
    )


def _train(network: Network, lists: Lists, recipe: Recipe) -> None:
    features_RF = torch.from_numpy(lists.features_RF)
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


def by_kind(scores_R: NDArray[np.float32], lists: Lists) -> str:
    """A line a kind of list: right at first, and refused at even odds."""
    lines = []
    for number, kind in enumerate(LIST_KINDS):
        own = np.flatnonzero(lists.kind_L == number)
        spans = [range(int(lists.starts_L[one]), int(lists.starts_L[one + 1])) for one in own]
        best = np.array([span[int(np.argmax(scores_R[span.start : span.stop]))] for span in spans], np.int64)
        right, refused = lists.right_R[best].mean(), (scores_R[best] < 0).mean()
        lines.append(f"{kind:15} {len(own):6} lists, first right {right:.1%}, refused at even odds {refused:.1%}")
    return "\n".join(lines)


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


@dataclass(frozen=True, slots=True)
class Material:
    """What of the data is asked, to train on and held out, with the vectors of all texts and the rarity of words."""

    train: Questions
    held: Questions
    vectors: Vectors
    rarity: Lexicon


def training_material(data: Path, cache: Path) -> Material:
    """Of the unpacked data; what takes long is kept in the cache."""
    rarity, encoder = _rarity(data, cache / "words.json"), load_encoder()
    vectors = Vectors(cache / "vectors", lambda texts: embed(encoder, list(texts)), _DIMENSION)
    words = common_words((text for _, text in records.paragraphs(data, "enwiki")), rarity)
    near = synonyms(words, vectors)
    train = read_questions(data, "train", Amounts(), near=near)
    held = read_questions(data, "validation", _FEW, near=near)
    vectors.add([*train.texts(), *held.texts()])
    return Material(train, held, vectors, replace(rarity, meanings=meanings(words, vectors)))


def _is_refused_anyway(judged: Judged, lexicon: Lexicon) -> bool:
    """Whether nothing answers, and an anchor says so: the network needs not learn it."""
    asked = anchors(judged.question, lexicon)
    return not any(judged.right) and is_in_vain(asked, anchor_levels(asked, judged.candidates, judged.passages))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train it, print its figures on the validation articles, and write the file."""
    parser = argparse.ArgumentParser(description="Learn the scorer of evidence.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked training data")
    parser.add_argument("--cache", type=Path, required=True, help="folder for vectors and word counts")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument(
        "--asked", type=Path, help="folder of the question set, to calibrate on; needed for questions over documents"
    )
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    parser.add_argument("--questions", type=int, default=Recipe().questions, help="how many lists are drawn at most")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    recipe = Recipe(seed=args.seed)
    material = training_material(args.data, args.cache)
    rarity = material.rarity
    lists = draw(material.train, material.vectors, rarity, random.Random(recipe.seed), most=args.questions)
    calibrated = (1.0, 0.0)
    if args.asked is None:
        network = learn(lists, recipe)
    else:
        # Everything else in training runs without the library.
        from app.config.settings import Settings
        from app.training.relevance.asked import asked_lists
        from app.training.relevance.written import WRITTEN, written_lists

        settings = Settings.load()
        written = [one.judged for one in written_lists(WRITTEN, settings) if not _is_refused_anyway(one.judged, rarity)]
        lists = lists.beside(featured(written, rarity))
        network = learn(lists, recipe)
        calibrated = calibration(network, asked_lists(args.asked, settings), rarity)
        print(f"calibrated: {calibrated[0]:.2f} times the score, and {calibrated[1]:+.2f}")
    print(f"{len(lists)} lists, {len(lists.features_RF) / len(lists):.1f} units each")
    layers = scaled(network.layers(), *calibrated)
    scorer = LearnedRelevance(find_encoder(DEFAULT_ENCODER).name, rarity, layers)
    scorer.write(args.out)
    held_lists = draw(material.held, material.vectors, rarity, random.Random(2))
    cosine_R, scores_R = held_lists.features_RF[:, 0], scorer.layers(held_lists.features_RF)
    print(f"validation, {len(held_lists)} lists")
    print(f"cosine:  {figures_of(cosine_R, cosine_R, held_lists)}")
    print(f"learned: {figures_of(scores_R, scores_R, held_lists)}")
    print(by_kind(scores_R, held_lists))
    print(f"{args.out}: {args.out.stat().st_size / 1024:.0f} KiB")


def _rarity(folder: Path, cache: Path) -> Lexicon:
    """The rarity of words in the data, counted once."""
    if not cache.is_file():
        learned = learn_rarity(clean_sentences(folder))
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps([learned.known, learned.unknown, sorted(learned.names)]), encoding="utf-8")
    known, unknown, names = json.loads(cache.read_text(encoding="utf-8"))
    return Lexicon(known, unknown, frozenset(names))


if __name__ == "__main__":
    main()
