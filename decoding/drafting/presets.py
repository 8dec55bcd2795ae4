"""Published draft-and-verify methods by name, built from the same parts as ours, so that each can be run beside it.

A preset runs as it was published: its own draft rule with its constants, its own number of nodes a step, and no
calibration of what it drafts. ``spandraft`` is ours. Knows names of sources and criteria, not how they work.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from decoding.errors import InvalidRequest
from decoding.sources.table import DEFAULT_SOURCES

NO_LIMIT = 1_000_000


class Needs(enum.StrEnum):
    """What a method cannot draft without: nothing but token ids, the target's logits, a smaller model, heads trained
    for the target, a parallel drafter, or layers of the target that may be skipped.
    """

    NOTHING = "nothing"
    TARGET = "target"
    DRAFT_MODEL = "draft model"
    HEADS = "heads"
    PARALLEL = "parallel drafter"
    LAYERS = "skipped layers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One method. ``limit`` is how many nodes it drafts a step at most, as published; ``shape`` is whether these are a
    chain or a tree.

    ``criterion`` is the name of the acceptance criterion. ``calibrated`` says that its drafts are weighed by what
    was accepted before and cut where they stop paying; a published method verifies all that it drafts. ``reads_logits``
    says that one of its sources learns from the target's logits of verified nodes (``Commit.verified``): on recorded
    tokens alone that source drafts nothing.
    """

    name: str
    paper: str
    rule: str
    sources: tuple[str, ...]
    shape: Literal["chain", "tree"]
    limit: int = NO_LIMIT
    criterion: str = "exact-match"
    needs: Needs = Needs.NOTHING
    calibrated: bool = False
    reads_logits: bool = False

    @property
    def needs_model(self) -> bool:
        """Whether it can be run on recorded tokens only with a model beside them."""
        return self.needs is not Needs.NOTHING


_ALL = (
    Preset(
        name="autoregressive",
        paper="none",
        rule="plain decoding: no drafts, one token a step",
        sources=(),
        shape="chain",
        limit=0,
    ),
    Preset(
        name="prompt-lookup",
        paper="Saxena 2023, Prompt Lookup Decoding; as in Hugging Face transformers",
        rule="last 2 or 1 tokens, first place in prompt and output, the 10 tokens behind it",
        sources=("prompt-lookup",),
        shape="chain",
        limit=10,
    ),
    Preset(
        name="llma",
        paper="Yang et al. 2023, Inference with Reference: Lossless Acceleration of Large Language Models",
        rule="last 5 to 1 written tokens, first place in the documents, the 19 tokens behind it",
        sources=("llma",),
        shape="chain",
        limit=19,
    ),
    Preset(
        name="sad",
        paper="Sun et al. 2021, Instantaneous Grammatical Error Correction with Shallow Aggressive Decoding",
        rule="the whole text under correction; after a mismatch its rest behind a unique 1- to 3-gram",
        sources=("sad",),
        shape="chain",
    ),
    Preset(
        name="rest",
        paper="He et al. 2023, REST: Retrieval-Based Speculative Decoding",
        rule="last 16 to 2 tokens in a datastore, the 64 most frequent prefixes of the 10 tokens behind them",
        sources=("rest",),
        shape="tree",
        limit=64,
    ),
    Preset(
        name="pia",
        paper="Zhao et al. 2024, Lookahead: An Inference Acceleration Framework for LLMs with Lossless Accuracy",
        rule="last 2 or 1 tokens in a trie of the prompt and of earlier outputs, its 64 most frequent nodes",
        sources=("pia",),
        shape="tree",
        limit=64,
    ),
    Preset(
        name="sam",
        paper="Hu et al. 2024, SAM Decoding: Speculative Decoding via Suffix Automaton",
        rule="longest suffix m in prompt and output, 1 + 4 m tokens behind its first place; recycled if m < 5",
        sources=("sam",),
        shape="chain",
        limit=80,
        reads_logits=True,
    ),
    Preset(
        name="suffix",
        paper="Oliaro et al. 2024, SuffixDecoding: Extreme Speculative Decoding for Emerging AI Applications",
        rule="suffix trees of request and earlier outputs; 4 m nodes behind the match m that promises most, p >= 0.1",
        sources=("suffix",),
        shape="tree",
        limit=64,
    ),
    Preset(
        name="token-recycling",
        paper="Luo et al. 2024, Turning Trash into Treasure: Accelerating Inference of LLMs with Token Recycling",
        rule="the target's 8 likeliest successors of each token, as last seen, in a tree of 80 nodes",
        sources=("recycled",),
        shape="tree",
        limit=80,
        needs=Needs.TARGET,
        reads_logits=True,
    ),
    Preset(
        name="draft-model",
        paper="Leviathan et al. 2023, Fast Inference from Transformers via Speculative Decoding; greedy drafts",
        rule="a smaller model writes the next tokens greedily, the target verifies them",
        sources=("draft-chain",),
        shape="chain",
        needs=Needs.DRAFT_MODEL,
    ),
    Preset(
        name="speculative-sampling",
        paper="Chen et al. 2023, Accelerating Large Language Model Decoding with Speculative Sampling",
        rule="a smaller model samples a chain; a token is kept with chance min(1, p/q), else redrawn from (p - q)+",
        sources=("draft-chain",),
        shape="chain",
        criterion="speculative-sampling",
        needs=Needs.DRAFT_MODEL,
    ),
    Preset(
        name="blockwise",
        paper="Stern et al. 2018, Blockwise Parallel Decoding for Deep Autoregressive Models",
        rule="heads on the target's last hidden state guess the next tokens at once, the likeliest of each is verified",
        sources=("heads-chain",),
        shape="chain",
        needs=Needs.HEADS,
        reads_logits=True,
    ),
    Preset(
        name="specdec",
        paper="Xia et al. 2023, Speculative Decoding: Exploiting Speculative Execution for Accelerating Seq2seq "
        "Generation; strict verification",
        rule="a small model fills k masked places in one forward, the likeliest token of each is verified",
        sources=("parallel-chain",),
        shape="chain",
        needs=Needs.PARALLEL,
    ),
    Preset(
        name="layer-skip",
        paper="Zhang et al. 2024, Draft & Verify: Lossless Large Language Model Acceleration via Self-Speculative "
        "Decoding; whole layers",
        rule="the target without some of its layers writes ahead for as long as it is sure, the whole one verifies",
        sources=("layer-skip-chain",),
        shape="chain",
        needs=Needs.LAYERS,
    ),
    Preset(
        name="spandraft",
        paper="this repository",
        rule="every source in one tree, weighed by what was accepted before, cut where it stops paying",
        sources=DEFAULT_SOURCES,
        shape="tree",
        calibrated=True,
        reads_logits=True,
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})


def preset(name: str) -> Preset:
    """The method called ``name``. Raises InvalidRequest for an unknown one."""
    if name not in PRESETS:
        raise InvalidRequest(f"there is no method {name!r}", hint=f"choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
