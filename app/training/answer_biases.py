"""Calibrates the biases with which a target quotes, over items of `bench answers` that no figure is taken from.

    python -m app.training.answer_biases FILE --target NAME [--dtype bfloat16] [--n 160]

Where the rule of quoting leaves a choice, the target's logits are computed once and kept; every set of biases is then
tried by replaying the rule over them. Prints the figures of each, the best first. The target's `spandraft.json` gets
what is chosen, by hand. Knows prompts and the quote processor; must not know how passages are found.

V vocabulary.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.bench.quality.answers import AnswerItem, hits_of, judge, read_items
from app.config.generation_options import GenerationOptions
from app.config.settings import Settings
from app.generation.logit_biases import LogitBiases
from app.generation.modes import Mode
from app.generation.prompts import Prompt
from app.generation.requests import RequestBuilder
from app.pipeline import Pipeline
from decoding.processors.quote import QuoteProcessor
from retrieval.interfaces import Retrieved

_SLOPES = (1.0, 2.0, 4.0, 8.0)
_THRESHOLDS = (-0.5, -0.25, 0.0, 0.25, 0.5)
_MARGINS = (0.0, 0.5, 1.0)
_EOS_EVEN = 2.0
"""Nats by which SmolLM2 prefers to end after a quotation, which a margin is counted from."""


def main() -> None:
    """Collect, replay, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--n", type=int, default=160)
    args = parser.parse_args()
    settings = Settings.load({"target": args.target, "dtype": args.dtype, "quote": True})
    pipeline = Pipeline.from_pretrained(corpus=None, settings=settings)
    replays = [replay_of(pipeline, item) for item in read_items(args.file)[: args.n]]
    print(f"{len(replays)} items")
    tried = ((figures(replays, biases), biases) for biases in candidates())
    for found, biases in sorted(tried, key=lambda pair: -pair[0].worth):
        print(found, biases)


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """Shares, 0 to 1, and the sentences of an answer on average."""

    right: float
    refused: float
    refused_wrongly: float
    sentences: float

    @property
    def worth(self) -> float:
        """Right outcomes where a fifth cannot be answered."""
        return 0.8 * self.right + 0.2 * self.refused


@dataclass(slots=True)
class Replay:
    """One item with its prompt, and the logits of the choices met so far: of what may follow each beginning."""

    item: AnswerItem
    prompt: Prompt
    builder: RequestBuilder
    logits: dict[tuple[int, ...], NDArray[np.float32]] = field(default_factory=dict)

    def answer(self, biases: LogitBiases) -> tuple[int, ...]:
        """What the target writes with these biases, greedily, without its end token. Forced tokens cost no forward."""
        rule = QuoteProcessor(
            self.prompt.weighted_quotes(biases.evidence_slope),
            eos_ids=self.builder.eos_ids,
            refusal=self.prompt.refusal,
            refusal_bonus=biases.refusal_bonus(self.prompt.relevance),
            end_bonus=biases.end_bonus,
        )
        written: tuple[int, ...] = ()
        state = rule.start()
        while True:
            row_V = np.zeros(self.builder.engine.target.vocab_size, np.float32)
            rule.apply(state, row_V)
            if np.isfinite(row_V).sum() > 1:
                row_V = self._row(written).copy()
                rule.apply(state, row_V)
            token = int(row_V.argmax())
            if token in self.builder.eos_ids:
                return written
            written = (*written, token)
            state = rule.advance(state, token)

    def _row(self, written: tuple[int, ...]) -> NDArray[np.float32]:
        """(V,) logits after the prompt and what has been written."""
        if written not in self.logits:
            self.logits[written] = self._computed((*self.prompt.ids, *written))
        return self.logits[written]

    @torch.inference_mode()
    def _computed(self, ids: tuple[int, ...]) -> NDArray[np.float32]:
        target = self.builder.engine.target
        model: Any = target.model
        logits_V = model(torch.tensor([ids], device=target.device), logits_to_keep=1).logits[0, -1]
        row: NDArray[np.float32] = logits_V.float().cpu().numpy()
        return row


def replay_of(pipeline: Pipeline, item: AnswerItem) -> Replay:
    """The item as it would be asked."""
    builder = pipeline.builder
    hits = hits_of(item)
    evidence = pipeline.find_evidence(item.question, hits, pipeline.settings.evidence_sentences)
    options = builder.resolve(GenerationOptions(), Mode.QUOTATION)
    return Replay(item, builder.answer_prompt(item.question, Retrieved(tuple(hits), evidence), options), builder)


def candidates() -> Iterator[LogitBiases]:
    """Biases to try: a slope, log-odds below which it refuses, and how near a second sentence must be."""
    for slope, threshold, margin in itertools.product(_SLOPES, _THRESHOLDS, _MARGINS):
        end = -_EOS_EVEN - slope * margin if margin else 100.0
        yield LogitBiases(least_odds=threshold, evidence_slope=slope, end_bonus=end)


def figures(replays: Sequence[Replay], biases: LogitBiases) -> AnswerFigures:
    """How good the answers are with these biases."""
    right, refused, wrongly, sentences = 0, 0, 0, 0
    answerable = sum(one.item.gold is not None for one in replays)
    for one in replays:
        ids = one.answer(biases)
        verdict = judge(one.item, one.builder.tokens.decode(ids))
        if one.item.gold is None:
            refused += verdict.refused
            continue
        right += verdict.right
        wrongly += verdict.refused
        text = " ".join(map(str, ids))
        sentences += sum(" ".join(map(str, quote.marker + quote.body)) in text for quote in one.prompt.quotes)
    return AnswerFigures(
        right=right / max(1, answerable),
        refused=refused / max(1, len(replays) - answerable),
        refused_wrongly=wrongly / max(1, answerable),
        sentences=sentences / max(1, answerable - wrongly),
    )


if __name__ == "__main__":
    main()
