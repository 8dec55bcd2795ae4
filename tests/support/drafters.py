"""Drafters of the three further kinds for tiny targets: random ones, and ones fitted to what a target writes.

P positions, D hidden size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from decoding.drafters.layer_skip import skipping
from decoding.drafters.medusa_heads import MedusaHeads
from decoding.drafters.parallel_model import ParallelModel
from decoding.sources.neural.draft_model import DraftModel
from decoding.sources.shared import Shared
from decoding.target.loading import target_of
from decoding.target.target import Target
from tests.support.fakes import VOCABULARY, tiny_model

HEADS, MASKS = 3, 4


def all_drafters(target: Target, small: Target | None = None) -> Shared:
    """Whatever a source may need: random heads and masks, the target without its last layer, a draft model."""
    model = small if small is not None else target
    return Shared(
        draft_model=DraftModel.of(model, model),
        heads=random_heads(target),
        parallel=ParallelModel.of(random_parallel(), target),
        layer_skip=DraftModel.of(skipping(target, [1]), target),
    )


def random_heads(target: Target, *, seed: int = 0, heads: int = HEADS) -> MedusaHeads:
    """Heads that know nothing, bound to a target."""
    torch.manual_seed(seed)
    made = MedusaHeads(target.model.config.get_text_config().hidden_size, heads)
    for down in made.down:
        torch.nn.init.normal_(down.get_parameter("weight"), std=0.3)
    return made.bind(target)


def random_parallel(*, seed: int = 5, masks: int = MASKS, vocab_size: int = VOCABULARY) -> Target:
    """A parallel drafter that knows nothing."""
    return target_of(tiny_model("llama", seed=seed, vocab_size=vocab_size + masks).double(), name="masked")


def hidden_of(model: Any, ids: Sequence[int]) -> torch.Tensor:
    """(P, D) last hidden states, as transformers itself gives them, from one forward without a cache."""
    with torch.inference_mode():
        output = model(
            input_ids=torch.tensor([[*ids]], device=model.device), use_cache=False, output_hidden_states=True
        )
    hidden: torch.Tensor = output.hidden_states[-1][0]
    return hidden


def fitted_heads(target: Target, texts: Sequence[Sequence[int]], *, steps: int = 200) -> MedusaHeads:
    """Heads that know some texts by heart."""
    torch.manual_seed(0)
    made = MedusaHeads(target.model.config.get_text_config().hidden_size, HEADS).double()
    output = target.model.get_output_embeddings().weight.detach()
    optimizer = torch.optim.Adam(made.parameters(), lr=0.02)
    states = [hidden_of(target.model, ids).clone() for ids in texts]
    for _ in range(steps):
        loss = torch.zeros((), dtype=torch.float64)
        for ids, hidden_PD in zip(texts, states, strict=True):
            logits_PKV = made.hidden_after(hidden_PD) @ output.T
            for head in range(HEADS):
                right = torch.tensor(ids[head + 2 :])
                loss = loss + torch.nn.functional.cross_entropy(logits_PKV[: len(right), head], right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return made.bind(target)


def fitted_parallel(target: Target, texts: Sequence[Sequence[int]], *, steps: int = 150) -> ParallelModel:
    """A parallel drafter that knows some texts by heart: at every place it has seen what follows the masks."""
    torch.manual_seed(0)
    model = tiny_model("llama", seed=6, vocab_size=target.vocab_size + MASKS, spread=0.1).train()
    masks = [*range(target.vocab_size, target.vocab_size + MASKS)]
    rows, labels = [], []
    longest = max(map(len, texts)) + MASKS
    for ids in texts:
        for end in range(2, len(ids) - MASKS):
            row = [*ids[:end], *masks]
            label = [-100] * (end - 1) + [*ids[end : end + MASKS + 1]]
            rows.append(row + [0] * (longest - len(row)))
            labels.append(label + [-100] * (longest - len(label)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    ids_BN, labels_BN = torch.tensor(rows), torch.tensor(labels)
    for _ in range(steps):
        logits_BNV = model(input_ids=ids_BN, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits_BNV.flatten(0, 1), labels_BN.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return ParallelModel.of(target_of(model.double().eval(), name="fitted"), target)
