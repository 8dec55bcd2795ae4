"""Requests that let a target write: the bundled target's tasks as serving asks them, or prompts of a file.

Knows prompts, quotations and biases of the two tasks. Must not know engines or how a drafter is trained. A request is
a function of (seed, number) alone.
"""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from app.generation.logit_biases import LogitBiases
from app.generation.tokenizer import TextTokenizer
from app.likely_edits.proposer import LikelyEdits
from app.loading.bundled import EDITS, TARGET, bundled_folder
from app.training.corruption.synthetic import Corruptor
from app.training.data import tokenizer
from app.training.data.embeddings import ENCODER_PACKAGE
from app.training.data.material import Material
from app.training.data.prose import plain_texts
from app.training.data.records import Split
from app.training.errors import DataMissingError
from app.training.examples.answers import REFUSAL, AnswerItems
from app.training.examples.grammar import GrammarPairs
from decoding.interfaces import Edit, Processor, Reference, Request
from decoding.processors.copy_bias import CopyBias
from decoding.processors.quote import QuotedSpan, QuoteProcessor

LikelyEditsOf: TypeAlias = Callable[[str, tuple[int, ...]], tuple[Edit, ...]]
"""The likely edits of a text, given the text and its token ids."""

ANSWERS_SHARE = 0.65
"""The share of questions; the rest are texts to correct."""
_UNANSWERABLE_SHARE = 0.2
_LONGEST_ANSWER = 256
_LONGEST_PROMPT = 640
"""Questions with longer prompts are drawn anew, as training leaves them out."""


class Prompts(Protocol):
    """An endless supply of requests."""

    def request(self, number: int) -> Request:
        """Request `number`, the same each time; its `task` names what is asked."""
        ...


@dataclass(frozen=True, slots=True)
class ServedPrompts:
    """The bundled target's two tasks, `answers_share` of the requests questions. Either task may be missing (None).

    `processed`: with the quote processor and the biases, as served; else as the target writes by itself.
    `likely_edits`: the edits that serving proposes for a text and its ids, if its target is tuned to weigh them.
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
        is_question = rng.random() < self.answers_share
        if self.items is not None and (is_question or self.pairs is None):
            return self._answer(self.items, rng)
        assert self.pairs is not None, "one task at least"
        return self._correction(self.pairs, rng)

    def _answer(self, items: AnswerItems, rng: random.Random) -> Request:
        while True:
            item = items.item(rng, unanswerable=rng.random() < _UNANSWERABLE_SHARE)
            prompt = items.prompt(item.question, item.evidence)
            if len(prompt) <= _LONGEST_PROMPT:
                break
        best = max(evidence.relevance for evidence in item.evidence)
        quotes, references, start = [], [], prompt.index(tokenizer.EVIDENCE)
        for evidence in item.evidence:
            marker = tuple(tokenizer.encode(self.bpe, f" [{evidence.number}]"))
            body = tuple(tokenizer.encode(self.bpe, " " + evidence.text))
            start += 2 + len(marker)
            quotes.append(QuotedSpan(marker, body, weight=self.tuning.evidence_slope * (evidence.relevance - best)))
            references.append(Reference(body, prompt_start=start, lead=marker))
            start += len(body)
        refusal = tuple(tokenizer.encode(self.bpe, " " + REFUSAL))
        bonus = self.tuning.refusal_bonus(best)
        quoting = QuoteProcessor(quotes, eos_ids=[tokenizer.EOS], refusal=refusal, refusal_bonus=bonus)
        return self._request("answer", prompt, _LONGEST_ANSWER, tuple(references), quoting)

    def _correction(self, pairs: GrammarPairs, rng: random.Random) -> Request:
        prompt = pairs.draw(rng).prompt
        source = tuple(prompt[1:-1])
        text = str(self.bpe.decode(list(source))).strip()
        edits = self.likely_edits(text, source) if self.likely_edits is not None else ()
        copying = CopyBias(
            source,
            bonus=self.tuning.copy_bias,
            end=tokenizer.EOS,
            edits=edits,
            edit_weight=self.tuning.edit_weight,
            edit_bonus=self.tuning.edit_bonus,
        )
        reference = Reference(source, prompt_start=1, cursor=True, edits=edits)
        return self._request("grammar", prompt, len(source) * 3 // 2 + 16, (reference,), copying)

    def _request(
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
        """Prompt `number`; behind the last comes the first again."""
        prompt = self.prompts[number % len(self.prompts)]
        return Request(prompt=prompt, max_new_tokens=self.max_new_tokens, eos_ids=self.eos_ids, task="given")


def served_prompts(
    material: Material,
    target: Path,
    *,
    split: Split,
    answers_share: float = ANSWERS_SHARE,
    processed: bool = True,
    seed: int = 0,
) -> ServedPrompts:
    """Questions and texts to correct of one split, asked as the target in this folder is served."""
    items = AnswerItems(material.answers(split), material.tokenizer) if answers_share > 0 else None
    pairs = None
    if answers_share < 1:
        texts = material.texts(split)
        # Half of the texts are short sentences of common words, as people have them corrected.
        plain = plain_texts(texts) or texts
        mixed = random.Random(seed).sample(texts, min(len(texts), len(plain)))
        pairs = GrammarPairs([*plain, *mixed], Corruptor(material.forms, material.misspelt), material.tokenizer)
    tuning = served_tuning(target)
    return ServedPrompts(
        bpe=material.tokenizer,
        items=items,
        pairs=pairs,
        tuning=tuning,
        seed=seed,
        answers_share=answers_share,
        processed=processed,
        likely_edits=likely_edits_for(target) if pairs is not None and tuning.edit_weight else None,
    )


def given_prompts(file: Path, target: Path, *, longest: int) -> GivenPrompts:
    """The prompts of a file in the target's own tokens. Raises DataMissingError."""
    from transformers import AutoTokenizer

    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # text may hold other line ends
        texts = [str(json.loads(line)["prompt"]) for line in lines if line.strip()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataMissingError(
            f"the prompts in {file} cannot be read: {error}", hint='write one {"prompt": "..."} a line'
        ) from error
    tokens = AutoTokenizer.from_pretrained(target)
    prompts = tuple(ids for text in texts if (ids := tuple(tokens(text, add_special_tokens=False)["input_ids"])))
    if not prompts:
        raise DataMissingError(f"there are no prompts in {file}", hint='write one {"prompt": "..."} a line')
    ends = frozenset(() if tokens.eos_token_id is None else (int(tokens.eos_token_id),))
    return GivenPrompts(prompts, eos_ids=ends, max_new_tokens=longest)


def likely_edits_for(target: Path) -> LikelyEditsOf | None:
    """The edit proposals of serving in the tokens of this target; None where the encoder is missing."""
    if importlib.util.find_spec(ENCODER_PACKAGE) is None:
        print(f"without guessed edits: the package {ENCODER_PACKAGE} is not installed here", file=sys.stderr)
        return None
    known, tokens = LikelyEdits.read(EDITS), TextTokenizer(AutoTokenizer.from_pretrained(target))
    return lambda text, ids: known.edits(text, ids, tokens.plain)


def tuning_of(target: Path) -> LogitBiases | None:
    """The biases in a target's own folder, if there are any."""
    file = target / "spandraft.json"
    if not file.is_file():
        return None
    return LogitBiases.of(json.loads(file.read_text(encoding="utf-8")))


def served_tuning(target: Path) -> LogitBiases:
    """The biases that a target is served with: its own, else the bundled target's, which is trained alike."""
    own = tuning_of(target)
    return own if own is not None else tuning_of(bundled_folder(TARGET)) or LogitBiases()
