"""Small stand-ins named for what they do: tiny models of real architectures, and sources of extreme quality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from decoding.interfaces import NO_ORIGIN, Commit, Draft, Request

VOCABULARY = 61
ARCHITECTURES = ("llama", "qwen3", "gpt2", "phi3")


def tiny_model(architecture: str, *, seed: int = 0, vocab_size: int = VOCABULARY, context: int = 256) -> Any:
    """A random model of a real architecture, a few thousand weights large, float32."""
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
        "initializer_range": 0.4,
    }
    if architecture == "llama":
        return LlamaForCausalLM(LlamaConfig(**shape)).eval()
    if architecture == "qwen3":
        return Qwen3ForCausalLM(Qwen3Config(**shape, head_dim=8)).eval()
    if architecture == "phi3":
        return Phi3ForCausalLM(Phi3Config(**shape, sliding_window=None)).eval()
    assert architecture == "gpt2", architecture
    config = GPT2Config(
        vocab_size=vocab_size, n_embd=32, n_layer=2, n_head=4, n_positions=context, initializer_range=0.4,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


def saved_model(architecture: str, folder: Path, **options: Any) -> Path:
    """A tiny model on disk, as a user would have it."""
    path = folder / architecture
    tiny_model(architecture, **options).save_pretrained(path)
    return path


class FixedSource:
    """Proposes what a function of the output so far says; the base of the extreme sources."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.commits: list[Commit] = []

    @property
    def name(self) -> str:
        return self._name

    def start(self, request: Request) -> None:
        self.commits.clear()

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        return []

    def observe(self, commit: Commit) -> None:
        self.commits.append(commit)

    def finish(self) -> None:
        pass


class Oracle(FixedSource):
    """Knows the output: every draft is right. ``branches`` wrong siblings make it a tree with right paths last."""

    def __init__(
        self, output: Sequence[int], *, length: int = 8, branches: int = 0, vocab_size: int = VOCABULARY
    ) -> None:
        super().__init__("oracle")
        self._output, self._length, self._branches, self._vocab_size = tuple(output), length, branches, vocab_size

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        right = self._output[len(tokens) : len(tokens) + min(limit, self._length)]
        wrong = []
        for branch in range(1, self._branches + 1):
            for at in range(len(right)):
                ids = (*right[:at], (right[at] + branch) % self._vocab_size)
                wrong.append(chain(ids, 0.99))
        return [*wrong, chain(right, 0.98)] if right else []


class AlwaysWrong(FixedSource):
    """Knows the output and drafts something else at every place."""

    def __init__(self, output: Sequence[int], *, vocab_size: int = VOCABULARY) -> None:
        super().__init__("always-wrong")
        self._output, self._vocab_size = tuple(output), vocab_size

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        rest = self._output[len(tokens) : len(tokens) + 4]
        return [chain(tuple((token + 1) % self._vocab_size for token in rest), 0.9)] if rest else []


class Raising(FixedSource):
    """Fails when asked."""

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        raise RuntimeError("this source is broken")


def chain(ids: Sequence[int], probability: float) -> Draft:
    """A draft with one estimate for every token and no origins."""
    return Draft(tuple(ids), (probability,) * len(ids), (NO_ORIGIN,) * len(ids))
