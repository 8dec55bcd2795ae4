"""The target's own outputs over training prompts, as they are served: what every drafter is aligned with.

Knows how answers and corrections are asked for (prompts, quotations, biases) and lets the engine write them; drafts
copied from the prompt make that fast and change nothing. Must not know how a drafter is trained. A prompt is a
function of (seed, number) alone and outputs are kept in parts, so that a run can be stopped at any time.
"""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from app.generation.logit_biases import LogitBiases
from app.generation.tokenizer import TextTokenizer
from app.likely_edits.proposer import LikelyEdits
from app.loading.bundled import EDITS
from app.training.data import tokenizer
from app.training.data.embeddings import ENCODER_PACKAGE
from app.training.examples import grammar
from app.training.examples.answers import REFUSAL, AnswerItems
from app.training.examples.grammar import GrammarPairs
from app.training.outputs.target_outputs import Row, TargetOutputs
from decoding.engine import Engine
from decoding.interfaces import Edit, Processor, Reference, Request
from decoding.processors import CopyBias, QuotedSpan, QuoteProcessor

LikelyEditsOf: TypeAlias = Callable[[str, tuple[int, ...]], tuple[Edit, ...]]

SOURCES = ("blend", "evidence", "cursor")
"""Drafts that need no model: most of what the bundled target writes stands in its prompt."""

PART = 256
_UNANSWERABLE_SHARE = 0.2
_LONGEST_ANSWER = 256
_LONGEST_PROMPT = 640
"""Questions over longer evidence are drawn anew, as training leaves them out."""


class Prompts(Protocol):
    """An endless supply of requests."""

    def request(self, number: int) -> Request:
        """Request `number`, the same each time; its `task` names what is asked."""
        ...


@dataclass(frozen=True, slots=True)
class ServedPrompts:
    """The bundled target's two tasks, `answers_share` of them questions. Either task may be missing (None).

    `processed`: with the quote processor and the biases, as served; else what the target would write by itself.
    `likely_edits`: what serving guesses of a text and its ids, where its target is tuned to weigh that.
    """

    bpe: Tokenizer
    items: AnswerItems | None
    pairs: GrammarPairs | None
    tuning: LogitBiases
    seed: int
    answers_share: float = 0.6
    processed: bool = True
    likely_edits: LikelyEditsOf | None = None

    def request(self, number: int) -> Request:
        """Request `number`, of one task or the other."""
        rng = random.Random(f"{self.seed}:outputs:{number}")
        asks = rng.random() < self.answers_share
        if self.items is not None and (asks or self.pairs is None):
            return self._answer(self.items, rng)
        assert self.pairs is not None, "one task at least"
        return self._correction(self.pairs, rng)

    def _answer(self, items: AnswerItems, rng: random.Random) -> Request:
        while True:
            item = items.item(rng, unanswerable=rng.random() < _UNANSWERABLE_SHARE)
            prompt = items.prompt(item.question, item.evidence)
            if len(prompt) <= _LONGEST_PROMPT:
                break
        best = max(one.relevance for one in item.evidence)
        quotes, references, at = [], [], prompt.index(tokenizer.EVIDENCE)
        for one in item.evidence:
            marker = tuple(grammar.encode(self.bpe, f" [{one.number}]"))
            body = tuple(grammar.encode(self.bpe, " " + one.text))
            at += 2 + len(marker)
            quotes.append(QuotedSpan(marker, body, weight=self.tuning.evidence_slope * (one.relevance - best)))
            references.append(Reference(body, prompt_start=at, lead=marker))
            at += len(body)
        refusal = tuple(grammar.encode(self.bpe, " " + REFUSAL))
        bonus = self.tuning.refusal_bonus(best)
        quoting = QuoteProcessor(quotes, eos_ids=[tokenizer.EOS], refusal=refusal, refusal_bonus=bonus)
        return self._asked("answer", prompt, _LONGEST_ANSWER, tuple(references), quoting)

    def _correction(self, pairs: GrammarPairs, rng: random.Random) -> Request:
        prompt = pairs.draw(rng).prompt
        source = tuple(prompt[1:-1])
        text = str(self.bpe.decode(list(source))).strip()
        edits = self.likely_edits(text, source) if self.likely_edits is not None else ()
        bonus, weight = self.tuning.copy_bias, self.tuning.edit_weight
        copying = CopyBias(source, bonus=bonus, end=tokenizer.EOS, edits=edits, edit_weight=weight)
        reference = Reference(source, prompt_start=1, cursor=True, edits=edits)
        return self._asked("grammar", prompt, len(source) * 3 // 2 + 16, (reference,), copying)

    def _asked(
        self, task: str, prompt: list[int], longest: int, references: tuple[Reference, ...], processor: Processor
    ) -> Request:
        return Request(
            prompt=tuple(prompt),
            max_new_tokens=longest,
            references=references,
            eos_ids=frozenset({tokenizer.EOS}),
            processors=(processor,) if self.processed else (),
            task=task,
        )


@dataclass(frozen=True, slots=True)
class GivenPrompts:
    """Prompts as token ids, for a target that is not the bundled one."""

    prompts: tuple[tuple[int, ...], ...]
    eos_ids: frozenset[int]
    max_new_tokens: int = _LONGEST_ANSWER

    def request(self, number: int) -> Request:
        """Prompt `number`, from the first again behind the last."""
        prompt = self.prompts[number % len(self.prompts)]
        return Request(prompt=prompt, max_new_tokens=self.max_new_tokens, eos_ids=self.eos_ids, task="given")


def write_outputs(
    engine: Engine,
    prompts: Prompts,
    path: Path,
    *,
    count: int,
    at_once: int = 1,
    part: int = PART,
    show: Callable[[str], None] = print,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Let the engine write `count` outputs into `path`; parts of `part` that an earlier call has finished are kept.

    `at_once` requests share the target's forwards (1 on CPU, where reading the prompts is the work). False if
    `stopped` said so before the end: then only parts are there.
    """
    if path.is_file() and len(TargetOutputs.load(path)) == count:
        return True
    folder = path.with_suffix(".parts")
    folder.mkdir(parents=True, exist_ok=True)
    files = {first: folder / f"{first:08d}.npz" for first in range(0, count, part)}
    started_s, written = time.perf_counter(), 0
    for first, file in files.items():
        if file.is_file():
            continue
        if stopped():
            return False
        last = min(count, first + part)
        TargetOutputs.of(written_rows(engine, prompts, range(first, last), at_once=at_once)).save(file)
        written += last - first
        rate = written / (time.perf_counter() - started_s)
        show(f"outputs: {last:,} of {count:,}, {rate:.1f} a second, {(count - last) / rate / 60:.1f} minutes left")
    TargetOutputs.of(row for file in files.values() for row in _rows(TargetOutputs.load(file))).save(path)
    shutil.rmtree(folder)
    return True


def written_rows(engine: Engine, prompts: Prompts, numbers: range, *, at_once: int = 1) -> list[Row]:
    """Prompts `numbers` with what the target writes behind them."""

    def one(number: int) -> Row:
        request = prompts.request(number)
        return Row(request.task, request.prompt, tuple(engine.generate(request).tokens))

    if at_once == 1:
        return [one(number) for number in numbers]
    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(one, numbers))


def likely_edits_for(target: Path) -> LikelyEditsOf | None:
    """What serving guesses of a text and its ids in the tokens of this target; None where the encoder is missing."""
    if importlib.util.find_spec(ENCODER_PACKAGE) is None:
        print(f"without guessed edits: the package {ENCODER_PACKAGE} is not installed here", file=sys.stderr)
        return None
    known, tokens = LikelyEdits.read(EDITS), TextTokenizer(AutoTokenizer.from_pretrained(target))
    return lambda text, ids: known.edits(text, ids, tokens.plain)


def tuning_of(target: Path) -> LogitBiases | None:
    """The biases that a target's own folder names, if it does."""
    file = target / "spandraft.json"
    if not file.is_file():
        return None
    return LogitBiases.of(json.loads(file.read_text(encoding="utf-8")))


def _rows(outputs: TargetOutputs) -> Iterator[Row]:
    return (outputs[number] for number in range(len(outputs)))
