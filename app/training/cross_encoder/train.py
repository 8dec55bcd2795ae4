"""Learns the cross-encoder: ``python -m app.training.cross_encoder.train --pairs FILE --folder FOLDER --steps N``.

The loss is that of ``app.training.relevance.train``: the listwise softmax with "none of them" as one more item of score
0, so that scores are log-odds. Every few minutes everything is written to the folder, and a run continues from there.
What is exported is a running mean of the weights.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from app.errors import InputError
from app.loading.minilm import read_weights
from app.loading.pair_tokens import pair_tokenizer, pair_tokens
from app.training.cross_encoder.network import CrossNetwork
from app.training.cross_encoder.pairs import PairList, read_pairs
from corpora.store.atomic_write import replace_file
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder


@dataclass(frozen=True, slots=True)
class Recipe:
    """The hyperparameters."""

    rank: int = 32
    rate: float = 1e-3
    warm: int = 60
    last_rate: float = 0.05
    lists_a_step: int = 16
    pairs_a_part: int = 40
    mean: float = 0.99
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A list as tokens."""

    ids: tuple[list[int], ...]
    types: tuple[list[int], ...]
    share: tuple[float, ...]


def rows_of(lists: Sequence[PairList], tokenizer: Tokenizer) -> list[Row]:
    """The lists as tokens."""
    rows = []
    for one in lists:
        made = pair_tokens(tokenizer, one.question, one.units)
        rows.append(Row(tuple(ids for ids, _ in made), tuple(types for _, types in made), one.share))
    return rows


def padded(ids: Sequence[list[int]], types: Sequence[list[int]]) -> tuple[Tensor, Tensor, Tensor]:
    """(P, N) pieces, token types and mask."""
    width = max(map(len, ids))
    return (
        torch.tensor([row + [0] * (width - len(row)) for row in ids]),
        torch.tensor([row + [0] * (width - len(row)) for row in types]),
        torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids]),
    )


def scores_of(network: CrossNetwork, ids: Sequence[list[int]], types: Sequence[list[int]], *, part: int) -> Tensor:
    """(P,) scores; pairs of like lengths are read together."""
    order = sorted(range(len(ids)), key=lambda each: len(ids[each]))
    parts = [order[start : start + part] for start in range(0, len(order), part)]
    found = [network(*padded([ids[each] for each in own], [types[each] for each in own])) for own in parts]
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(found)[back]


def loss_of(scores_P: Tensor, lists: Sequence[Row]) -> Tensor:
    """Mean cross-entropy over the lists."""
    total, start = torch.zeros(()), 0
    for one in lists:
        own = scores_P[start : start + len(one.ids)]
        start += len(one.ids)
        total = total + torch.cat([own, torch.zeros(1)]).logsumexp(dim=0) - (own * torch.tensor(one.share)).sum()
    return total / len(lists)


def batches(rows: Sequence[Row], recipe: Recipe, start: int) -> Iterator[list[Row]]:
    """Without end, from step ``start``; the same for the same seed."""
    steps = len(rows) // recipe.lists_a_step
    while True:
        epoch, first = divmod(start, steps)
        order = list(range(len(rows)))
        random.Random(f"{recipe.seed}:{epoch}").shuffle(order)
        for step in range(first, steps):
            yield [rows[each] for each in order[step * recipe.lists_a_step : (step + 1) * recipe.lists_a_step]]
        start = (epoch + 1) * steps


def rate_at(step: int, steps: int, recipe: Recipe) -> float:
    """The share of the highest rate: up, then down in a line to a small one that stays."""
    if step < recipe.warm:
        return (step + 1) / recipe.warm
    return max(recipe.last_rate, 1 - (step - recipe.warm) / max(1, steps - recipe.warm))


def new_network(recipe: Recipe) -> tuple[CrossNetwork, Tokenizer]:
    """Before anything is learned."""
    folder = find_encoder(DEFAULT_ENCODER).folder
    torch.manual_seed(recipe.seed)
    return CrossNetwork(read_weights(folder), recipe.rank), pair_tokenizer(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn until the step is reached."""
    parser = argparse.ArgumentParser(description="Learn the cross-encoder.")
    parser.add_argument("--pairs", type=Path, required=True, help="file of lists of pairs")
    parser.add_argument("--folder", type=Path, required=True, help="folder of checkpoints and log")
    parser.add_argument("--steps", type=int, required=True, help="the step at which the rate is lowest")
    parser.add_argument("--until", type=int, help="the last step; the same if not given")
    parser.add_argument("--minutes", type=float, default=5, help="between checkpoints")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    recipe = Recipe()
    network, tokenizer = new_network(recipe)
    rows = rows_of(read_pairs(args.pairs), tokenizer)
    if len(rows) < recipe.lists_a_step:
        raise InputError(f"{args.pairs} has {len(rows)} lists", hint=f"a step takes {recipe.lists_a_step} of them")
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=0.01, betas=(0.9, 0.98))
    mean = {name: one.detach().clone() for name, one in network.state_dict().items()}
    args.folder.mkdir(parents=True, exist_ok=True)
    file, log, step = args.folder / "checkpoint.pt", args.folder / "log.jsonl", 0
    if file.is_file():
        saved = torch.load(file, weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        mean, step = saved["mean"], saved["step"]
    until = args.until or args.steps
    written_s, losses, pairs, began_s = time.monotonic(), [], 0, time.monotonic()
    for batch in batches(rows, recipe, step):
        if step >= until:
            break
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * rate_at(step, args.steps, recipe)
        ids, types = [each for one in batch for each in one.ids], [each for one in batch for each in one.types]
        loss = loss_of(scores_of(network, ids, types, part=recipe.pairs_a_part), batch)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        keep = min(recipe.mean, step / (step + 10))
        for name, one in network.state_dict().items():
            mean[name].lerp_(one, 1 - keep)
        losses.append(loss.item())
        pairs += len(ids)
        if step % 10 == 0:
            spent_s = time.monotonic() - began_s
            line = {
                "step": step,
                "loss": sum(losses) / len(losses),
                "pairs_per_s": pairs / spent_s,
                "cpu_s": time.process_time(),
            }
            with log.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
            losses, pairs, began_s = [], 0, time.monotonic()
        if time.monotonic() - written_s > 60 * args.minutes or step == until:
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "mean": mean, "step": step}
            replace_file(file, partial(torch.save, state))
            written_s = time.monotonic()


if __name__ == "__main__":
    main()
