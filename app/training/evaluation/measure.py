"""How good a target is on held-out items, and how far a drafter alone carries it.

A target is measured with serving's two processors on, in plain greedy decoding without speculation; the figures serve
to tune its biases while it is trained. A drafter is measured by mean acceptance length over prompts that training has
not seen, also in the middle of a run. The figures that are published come from `spandraft bench`. Knows the two tasks,
decoding's processors and the engine; must not know how models are trained.

Shapes: N tokens, V vocabulary.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from app.bench.quality.gleu import Corrected, corpus_gleu
from app.generation.logit_biases import LogitBiases
from app.training.data import tokenizer
from app.training.data.candidates import Candidates
from app.training.data.material import Material
from app.training.data.records import Split
from app.training.errors import DataMissingError
from app.training.evaluation import heldout
from app.training.examples.answers import REFUSAL, AnswerItems
from app.training.outputs.prompts import LikelyEditsOf, likely_edits_for
from decoding.drafters.medusa_heads import MedusaHeads
from decoding.drafters.parallel_model import ParallelModel
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.processors.copy_bias import CopyBias
from decoding.processors.quote import QuotedSpan, QuoteProcessor
from decoding.sources.neural.draft_model import DraftModel
from decoding.sources.shared import Shared
from decoding.target.loading import load_target
from decoding.target.target import Target


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """Shares, 0 to 1. `top_evidence`: the first evidence sentence alone, never refusing."""

    answer_accuracy: float
    top_evidence: float
    refusal_recall: float
    false_refusal: float
    sentences: float
    """Sentences of an answer, on average."""


@dataclass(frozen=True, slots=True)
class GrammarFigures:
    """GLEU, 0 to 100, of the corrections and of the texts as they were; the share of texts left unchanged."""

    gleu: float
    gleu_uncorrected: float
    unchanged: float


class Greedy:
    """A loaded target that decodes greedily under processors."""

    def __init__(self, target: Path) -> None:
        self.bpe = AutoTokenizer.from_pretrained(target).backend_tokenizer
        self.model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
        self.model.train(mode=False)
        self._target = target

    @cached_property
    def _likely_edits(self) -> LikelyEditsOf | None:
        """Loaded only if the biases weigh edits."""
        return likely_edits_for(self._target)

    def correct(self, text: str, *, tuning: LogitBiases) -> str:
        """The correction of one text under copy bias. The rest of the source is a draft, verified in one forward."""
        plain = " ".join(text.split())
        source = tokenizer.encode(self.bpe, " " + plain)
        likely_edits = self._likely_edits if tuning.edit_weight else None
        edits = likely_edits(plain, tuple(source)) if likely_edits is not None else ()
        bias = CopyBias(
            tuple(source),
            bonus=tuning.copy_bias,
            end=tokenizer.EOS,
            edits=edits,
            edit_weight=tuning.edit_weight,
            edit_bonus=tuning.edit_bonus,
        )
        prompt = [tokenizer.GRAMMAR, *source, tokenizer.CORRECTED]
        output: list[int] = []
        state = bias.start()
        while len(output) < 2 * len(source) + 16:
            draft = [*source[state.cursor :], tokenizer.EOS]
            logits_NV = self._logits([*prompt, *output, *draft[:-1]], len(draft))
            for row_V, drafted in zip(logits_NV, draft, strict=True):
                bias.apply(state, row_V)
                token = int(row_V.argmax())
                if token == tokenizer.EOS:
                    return str(self.bpe.decode(output)).strip()
                output.append(token)
                state = bias.advance(state, token)
                if token != drafted:
                    break
        return str(self.bpe.decode(output)).strip()

    def answer(self, prompt: list[int], quotes: Sequence[QuotedSpan], *, refusal_bias: float) -> list[int]:
        """The answer's token ids under the quote processor, without the end token. Forced tokens cost no forward."""
        refusal = tuple(tokenizer.encode(self.bpe, " " + REFUSAL))
        quote = QuoteProcessor(quotes, eos_ids=[tokenizer.EOS], refusal=refusal, refusal_bonus=refusal_bias)
        output: list[int] = []
        state = quote.start()
        while True:
            row_V = np.zeros(tokenizer.VOCABULARY, dtype=np.float32)
            quote.apply(state, row_V)
            if np.isfinite(row_V).sum() > 1:
                row_V = self._logits([*prompt, *output], 1)[0]
                quote.apply(state, row_V)
            token = int(row_V.argmax())
            if token == tokenizer.EOS:
                return output
            output.append(token)
            state = quote.advance(state, token)

    @torch.inference_mode()
    def _logits(self, ids: list[int], last: int) -> NDArray[np.float32]:
        out: NDArray[np.float32] = self.model(torch.tensor([ids]), logits_to_keep=last).logits[0].numpy()
        return out


def measure_grammar(greedy: Greedy, records: list[dict[str, object]], *, tuning: LogitBiases) -> GrammarFigures:
    """Figures over records `{"source", "references"}`."""
    corrected = [_corrected(greedy, r, tuning=tuning) for r in records]
    return GrammarFigures(
        gleu=corpus_gleu(corrected),
        gleu_uncorrected=corpus_gleu([Corrected(c.source, c.source, c.references) for c in corrected]),
        unchanged=sum(" ".join(c.source.split()) == c.candidate for c in corrected) / len(corrected),
    )


def measure_answers(
    greedy: Greedy, candidates: Candidates, *, tuning: LogitBiases, count: int, seed: int = 5
) -> AnswerFigures:
    """Figures over `count` items drawn from a split, a fifth of them without an answer."""
    items, rng = AnswerItems(candidates, greedy.bpe), random.Random(seed)
    right, top, refused, refused_wrongly, sentences = 0, 0, 0, 0, 0
    for i in range(count):
        item = items.item(rng, unanswerable=i % 5 == 4)
        quotes = [
            QuotedSpan(
                marker=tuple(tokenizer.encode(greedy.bpe, f" [{e.number}]")),
                body=tuple(tokenizer.encode(greedy.bpe, " " + e.text)),
                weight=tuning.evidence_slope * (e.relevance - item.evidence[0].relevance),
            )
            for e in item.evidence
        ]
        bonus = tuning.refusal_bonus(item.evidence[0].relevance)
        ids = greedy.answer(items.prompt(item.question, item.evidence), quotes, refusal_bias=bonus)
        text = str(greedy.bpe.decode(ids))
        refuses = text.strip() == REFUSAL
        if item.gold_passage is None:
            refused += refuses
            continue
        refused_wrongly += refuses
        sentences += 0 if refuses else sum(f" [{n}]" in text for n in range(1, 9))
        right += not refuses and any(a in text for a in item.answers)
        top += any(a in item.evidence[0].text for a in item.answers)
    answerable, unanswerable = count - count // 5, count // 5
    return AnswerFigures(
        answer_accuracy=right / answerable,
        top_evidence=top / answerable,
        refusal_recall=refused / unanswerable,
        false_refusal=refused_wrongly / answerable,
        sentences=sentences / max(1, answerable - refused_wrongly),
    )


def measure_target(
    target: Path, material: Material, *, split: Split, tuning: LogitBiases, count: int, say: Callable[[str], None]
) -> dict[str, float]:
    """All figures of one target over a split that is not trained on, by name."""
    greedy = Greedy(target)
    say(f"correcting {count} sentences with errors and {count} without")
    written, clean = heldout.grammar_records(material, split, count)
    corrected = measure_grammar(greedy, written, tuning=tuning)
    left = measure_grammar(greedy, clean, tuning=tuning)
    say(f"answering {count} questions")
    answered = measure_answers(greedy, material.answers(split), tuning=tuning, count=count)
    return {
        "gleu": corrected.gleu,
        "gleu_uncorrected": corrected.gleu_uncorrected,
        "clean_changed": 1 - left.unchanged,
        **asdict(answered),
    }


def _corrected(greedy: Greedy, record: dict[str, object], *, tuning: LogitBiases) -> Corrected:
    source, references = str(record["source"]), record["references"]
    assert isinstance(references, list)
    return Corrected(source, greedy.correct(source, tuning=tuning), tuple(references))


_LIMIT = 16
"""Nodes of a tree at most; so many pay on a CPU, too."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Counts over the requests of one task; the target wrote the same with drafts as it would without."""

    task: str
    requests: int
    tokens: int
    forwards: int
    drafted: int
    accepted: int

    @property
    def mean_length(self) -> float:
        """Tokens a target forward, with the bonus token."""
        return self.tokens / max(1, self.forwards)

    @property
    def rate(self) -> float:
        """The share of drafted tokens that were accepted."""
        return self.accepted / max(1, self.drafted)


def measure_drafter(
    target: Target, source: str, shared: Shared, requests: Iterable[Request], *, limit: int = _LIMIT
) -> list[Accepted]:
    """Run requests with `source` alone (`draft-chain`, `heads`, `parallel`, ...) and count, by task.

    Everything that it drafts, up to `limit` nodes, is verified: nothing depends on time or on earlier requests.
    """
    engine = Engine(
        target, sources=(source,), budget=Budget(limit=limit), calibration=Calibration(frozen=True), shared=shared
    )
    counts: dict[str, list[int]] = {}
    for request in requests:
        stats = engine.generate(request).stats
        new = (1, stats.tokens, stats.target_forwards, stats.drafted, stats.accepted)
        total = counts.setdefault(request.task, [0] * len(new))
        counts[request.task] = [a + b for a, b in zip(total, new, strict=True)]
    return [Accepted(task, *numbers) for task, numbers in sorted(counts.items())]


def load_drafter(folder: Path, target: Target) -> tuple[str, Shared]:
    """The draft source for the model in `folder` (heads, a parallel drafter or a draft model), and that model.

    Raises DataMissingError if there is none.
    """
    if (folder / "heads.json").is_file():
        return "heads", Shared(heads=MedusaHeads.load(folder, target=target))
    if (folder / "parallel.json").is_file():
        return "parallel", Shared(parallel=ParallelModel.load(folder, target=target, device=str(target.device)))
    if not (folder / "config.json").is_file():
        raise DataMissingError(f"there is no drafter at {folder}", hint="name the folder `model` of a finished stage")
    return "draft-chain", Shared(draft_model=DraftModel.of(load_target(str(folder), device=str(target.device)), target))
