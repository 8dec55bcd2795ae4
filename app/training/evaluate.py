"""How good a target is on held-out items, with serving's two processors on: plain greedy decoding, no speculation.

Knows the two tasks and decoding's processors. Must not know how training went. It exists to tune the two biases while
the model is trained; the figures that are published come from `spandraft bench`.

Shapes: N tokens, V vocabulary.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from app.bench.gleu import Corrected, corpus_gleu
from app.training import embeddings, grammar, tokenizer
from app.training.answers import REFUSAL, AnswerItems
from app.tuning import Tuning
from decoding.processors import CopyBias, QuotedSpan, QuoteProcessor


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """Shares, 0 to 1. `top_evidence` is the encoder's first sentence, never refusing."""

    answer_accuracy: float
    top_evidence: float
    refusal_recall: float
    false_refusal: float
    sentences: float
    """Sentences an answer has, on average."""


@dataclass(frozen=True, slots=True)
class GrammarFigures:
    """GLEU 0 to 100 of the corrections and of the texts as they were; share of texts left unchanged."""

    gleu: float
    gleu_uncorrected: float
    unchanged: float


class Greedy:
    """A loaded target that decodes greedily under processors."""

    def __init__(self, target: Path) -> None:
        self.bpe = AutoTokenizer.from_pretrained(target).backend_tokenizer
        self.model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
        self.model.train(mode=False)

    def correct(self, text: str, *, copy_bias: float) -> str:
        """The correction of one text under copy bias. The copy is guessed ahead and checked by one forward."""
        source = grammar.encode(self.bpe, " " + " ".join(text.split()))
        bias = CopyBias(tuple(source), bonus=copy_bias, end=tokenizer.EOS)
        prompt = [tokenizer.GRAMMAR, *source, tokenizer.CORRECTED]
        output: list[int] = []
        state = bias.start()
        while len(output) < 2 * len(source) + 16:
            guess = [*source[state.cursor :], tokenizer.EOS]
            logits_NV = self._logits([*prompt, *output, *guess[:-1]], len(guess))
            for row_V, guessed in zip(logits_NV, guess, strict=True):
                bias.apply(state, row_V)
                token = int(row_V.argmax())
                if token == tokenizer.EOS:
                    return str(self.bpe.decode(output)).strip()
                output.append(token)
                state = bias.advance(state, token)
                if token != guessed:
                    break
        return str(self.bpe.decode(output)).strip()

    def answer(self, prompt: list[int], quotes: Sequence[QuotedSpan], *, refusal_bias: float) -> list[int]:
        """The answer's ids under the quote processor, without the end token. Forced tokens cost no forward."""
        refusal = tuple(grammar.encode(self.bpe, " " + REFUSAL))
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


def measure_grammar(greedy: Greedy, records: list[dict[str, object]], *, copy_bias: float) -> GrammarFigures:
    """Figures over records `{"source", "references"}`."""
    corrected = [_corrected(greedy, r, copy_bias=copy_bias) for r in records]
    return GrammarFigures(
        gleu=corpus_gleu(corrected),
        gleu_uncorrected=corpus_gleu([Corrected(c.source, c.source, c.references) for c in corrected]),
        unchanged=sum(" ".join(c.source.split()) == c.candidate for c in corrected) / len(corrected),
    )


def measure_answers(greedy: Greedy, cache: Path, *, tuning: Tuning, count: int, seed: int = 5) -> AnswerFigures:
    """Figures over `count` items drawn from an embedded split, a fifth of them without an answer."""
    items, rng = AnswerItems(embeddings.load(cache), greedy.bpe), random.Random(seed)
    right, top, refused, refused_wrongly, sentences = 0, 0, 0, 0, 0
    for i in range(count):
        item = items.item(rng, unanswerable=i % 5 == 4)
        quotes = [
            QuotedSpan(
                marker=tuple(grammar.encode(greedy.bpe, f" [{e.number}]")),
                body=tuple(grammar.encode(greedy.bpe, " " + e.text)),
                weight=tuning.evidence_slope * (e.similarity - item.evidence[0].similarity),
            )
            for e in item.evidence
        ]
        bonus = tuning.refusal_bonus(item.evidence[0].similarity)
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


def read(path: Path) -> list[dict[str, object]]:
    """Records of a JSON Lines file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def report(target: Path, files: Sequence[Path], cache: Path | None, *, tuning: Tuning, count: int) -> None:
    """Print figures as JSON, one line a grammar file and one for the embedded split `cache`."""
    greedy = Greedy(target)
    for path in files:
        grammar_figures = measure_grammar(greedy, read(path)[:count], copy_bias=tuning.copy_bias)
        _print(path.name, asdict(grammar_figures))
    if cache is not None:
        answer_figures = measure_answers(greedy, cache, tuning=tuning, count=count)
        _print(cache.name, asdict(answer_figures))


def _print(name: str, figures: dict[str, float]) -> None:
    sys.stdout.write(json.dumps({"file": name, **figures}) + "\n")
    sys.stdout.flush()


def _corrected(greedy: Greedy, record: dict[str, object], *, copy_bias: float) -> Corrected:
    source, references = str(record["source"]), record["references"]
    assert isinstance(references, list)
    return Corrected(source, greedy.correct(source, copy_bias=copy_bias), tuple(references))
