"""Small stand-ins named for what they do: tiny models of real architectures, and sources of extreme quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from decoding.interfaces import Commit, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import DraftTree

VOCABULARY = 61
ARCHITECTURES = ("llama", "qwen3", "gpt2", "phi3")
SLIDING = ("mistral", "gemma2")
WINDOW = 12
Output = Sequence[int] | Mapping[Request, Sequence[int]]


def tiny_model(
    architecture: str, *, seed: int = 0, vocab_size: int = VOCABULARY, context: int = 256, spread: float = 0.4
) -> Any:
    """A random model of a real architecture, a few thousand weights large, float32.

    ``spread`` is that of the weights: with the usual one its choices are decided, with 0.1 its keys and values are
    about as large as a trained model's.
    """
    torch.manual_seed(seed)
    shape: dict[str, Any] = {
        "vocab_size": vocab_size,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": context,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": 0,
        "initializer_range": spread,
    }
    if architecture == "llama":
        return LlamaForCausalLM(LlamaConfig(**shape)).eval()
    if architecture == "qwen3":
        return Qwen3ForCausalLM(Qwen3Config(**shape, head_dim=8)).eval()
    if architecture == "phi3":
        return Phi3ForCausalLM(Phi3Config(**shape, sliding_window=None)).eval()
    if architecture == "mistral":
        return MistralForCausalLM(MistralConfig(**shape, sliding_window=WINDOW)).eval()
    if architecture == "gemma2":
        return Gemma2ForCausalLM(Gemma2Config(**shape, head_dim=8, sliding_window=WINDOW)).eval()
    assert architecture == "gpt2", architecture
    config = GPT2Config(
        vocab_size=vocab_size, n_embd=32, n_layer=2, n_head=4, n_positions=context, initializer_range=spread,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


def saved_model(architecture: str, folder: Path, **options: Any) -> Path:
    """A tiny model on disk, as a user would have it."""
    path = folder / architecture
    tiny_model(architecture, **options).save_pretrained(path)
    return path


class FixedSource(DraftSource):
    """Proposes nothing and notes what was committed; the base of the extreme sources."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.commits: list[Commit] = []

    def start(self, request: Request) -> None:
        self.commits.clear()

    def propose(self, context: DraftContext) -> DraftTree:
        return DraftTree()

    def observe(self, commit: Commit) -> None:
        self.commits.append(commit)


class Knowing(FixedSource):
    """Knows the output: that of one session, or those of many by their requests."""

    def __init__(self, name: str, output: Output, vocab_size: int) -> None:
        super().__init__(name)
        self._outputs, self._vocab_size = output, vocab_size
        self._output: Sequence[int] = ()

    def start(self, request: Request) -> None:
        super().start(request)
        self._output = self._outputs[request] if isinstance(self._outputs, Mapping) else self._outputs


class Oracle(Knowing):
    """Every draft is right. ``branches`` wrong siblings make it a tree with right paths last."""

    def __init__(self, output: Output, *, length: int = 8, branches: int = 0, vocab_size: int = VOCABULARY) -> None:
        super().__init__("oracle", output, vocab_size)
        self._length, self._branches = length, branches

    def propose(self, context: DraftContext) -> DraftTree:
        written = len(context.output)
        right = self._output[written : written + min(context.limit, self._length)]
        wrong = []
        for branch in range(1, self._branches + 1):
            for at in range(len(right)):
                ids = (*right[:at], (right[at] + branch) % self._vocab_size)
                wrong.append(chain(ids, 0.99))
        return DraftTree.side_by_side([*wrong, chain(right, 0.98)] if right else [])


class AlwaysWrong(Knowing):
    """Drafts something else at every place, ``branches`` of them."""

    def __init__(self, output: Output, *, branches: int = 1, vocab_size: int = VOCABULARY) -> None:
        super().__init__("always-wrong", output, vocab_size)
        self._branches = branches

    def propose(self, context: DraftContext) -> DraftTree:
        written = len(context.output)
        rest = self._output[written : written + 4]
        shifts = range(1, self._branches + 1) if rest else ()
        return DraftTree.side_by_side(
            chain([(token + shift) % self._vocab_size for token in rest], 0.9) for shift in shifts
        )


class Repeating(FixedSource):
    """Drafts what penalties and forbidden n-grams are about: the last tokens again and again, then the one before."""

    def __init__(self) -> None:
        super().__init__("repeating")

    def propose(self, context: DraftContext) -> DraftTree:
        tokens = context.output
        spans = [tuple(tokens[-size:]) for size in (1, 2, 3) if len(tokens) >= size]
        return DraftTree.side_by_side(chain((span * 6)[:6], 0.9) for span in spans)


class Raising(FixedSource):
    """Fails when asked."""

    def propose(self, context: DraftContext) -> DraftTree:
        raise RuntimeError("this source is broken")


def chain(ids: Sequence[int], probability: float) -> DraftTree:
    """A draft with one estimate for every token and no origins."""
    return DraftTree.chain(ids, probability)
