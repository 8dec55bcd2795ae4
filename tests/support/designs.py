"""The factors of the exactness design and what their values mean: requests, processors, sources, ways to come and go.

Everything follows from the names in a row and from seeds, so that a run repeats.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.engine import Engine
from decoding.interfaces import Edit, Processor, Reference, Request, Sampling
from decoding.processors.copy_bias import CopyBias
from decoding.processors.quote import QuotedSpan, QuoteProcessor
from decoding.processors.token_rules import TokenRules
from decoding.sources.base import DraftSource
from decoding.sources.suffix_array import build_index
from decoding.sources.table import DEFAULT_SOURCES, SOURCES, make_sources
from decoding.target.target import Target
from tests.support.drafters import all_drafters
from tests.support.fakes import ARCHITECTURES, SLIDING, VOCABULARY, AlwaysWrong, Oracle, Repeating
from tests.support.pairwise import Row
from tests.support.trials import Chains, Outcome, by_hand

ENDS = frozenset({0, 1})
LIMIT = 24
MODES: Mapping[str, Sampling] = {
    "greedy": Sampling(),
    "hot": Sampling(do_sample=True, temperature=1.3),
    "top-k-top-p": Sampling(do_sample=True, temperature=0.8, top_k=8, top_p=0.9),
    "min-p": Sampling(do_sample=True, temperature=1.1, min_p=0.05),
}
RULES: Mapping[str, Mapping[str, Any]] = {
    "logit-bias": {"logit_bias": ((3, 2.0), (7, -math.inf), (11, -3.0))},
    "repetition": {"repetition_penalty": 1.4},
    "frequency": {"frequency_penalty": 0.7},
    "presence": {"presence_penalty": 0.9},
    "no-repeat": {"no_repeat_ngram_size": 2},
    # After every token one is forbidden, and three are forbidden everywhere.
    "bad-words": {"bad_words_ids": ((5,), (6,), (8,), *((one, one * 7 % VOCABULARY) for one in range(2, VOCABULARY)))},
    "min-new": {"min_new_tokens": 9},
}
PROCESSORS = (*RULES, "quote", "copy-bias")
# What ``transformers`` has too, under the same names.
THEIRS = ("repetition", "no-repeat", "bad-words", "min-new")
QUALITIES = ("oracle", "always-wrong", "empty", "repeating", "mixed", "defaults", "everything")
BATCHES = ("1", "2", "3", "8", "uneven")
FACTORS: Mapping[str, Sequence[str]] = {
    "source": (*QUALITIES, *SOURCES),
    "first": ("none", *PROCESSORS),
    "second": ("none", *PROCESSORS),
    "architecture": (*ARCHITECTURES, *SLIDING),
    "batch": BATCHES,
    "mode": tuple(MODES),
    "shape": ("tree", "chain"),
}


@dataclass(frozen=True, slots=True)
class Course:
    """How a batch is peopled: sessions, rows, the turn in which each session joins, and when one leaves."""

    sessions: int
    rows: int
    joins: tuple[int, ...] = ()
    leaves: tuple[tuple[int, int], ...] = ()


COURSES: Mapping[str, Course] = {
    **{name: Course(int(name), int(name)) for name in BATCHES[:-1]},
    "uneven": Course(6, 3, joins=(0, 0, 1, 2, 4, 7), leaves=((1, 2),)),
}


def processors_of(names: Sequence[str], prompt: Sequence[int], rng: random.Random) -> tuple[Processor, ...]:
    """The processors of those names in the one order that processors have; ``none`` is none."""
    options = {key: value for name in names if name in RULES for key, value in RULES[name].items()}
    made = list(TokenRules(**options).processors(prompt, eos_ids=ENDS, vocab_size=VOCABULARY))
    if "copy-bias" in names:
        source = tuple(rng.randrange(2, VOCABULARY) for _ in range(20))
        edits = [Edit(3, 5, source[7:10], 0.7), Edit(9, 9, source[:1], 0.6), Edit(12, 14, (), 0.5)]
        made.append(CopyBias(source, bonus=2.5, end=0, edits=edits, edit_weight=3.0))
    if "quote" in names:
        bodies = [tuple(rng.sample(range(9, VOCABULARY), 12)) for _ in range(3)]
        spans = [QuotedSpan((2 + at, 12 + at), body, weight=-0.3 * at) for at, body in enumerate(bodies)]
        made.append(QuoteProcessor(spans, eos_ids=ENDS, refusal=(4, 4, 9), whole=False))
    return tuple(made)


def request_of(row: Row, number: int, seed: int) -> Request:
    """Session ``number`` of a row: no two have prompts of one length, or the same noise."""
    rng = random.Random(f"{seed} {number}")
    phrase = [rng.randrange(2, VOCABULARY) for _ in range(rng.randrange(6, 12))]
    noise = [rng.randrange(2, VOCABULARY) for _ in range(6 + 3 * number)]
    prompt = (*phrase, *noise, *phrase[: rng.randrange(3, 6)])
    return Request(
        prompt,
        rng.randrange(14, 24),
        sampling=replace(MODES[row["mode"]], seed=rng.randrange(2**40)),
        eos_ids=ENDS,
        processors=processors_of((row["first"], row["second"]), prompt, rng),
        scope="one",
        task=row["mode"],
    )


def jobs_of(row: Row, target: Target, seed: int) -> dict[Request, Outcome]:
    """The requests of a row with what plain decoding makes of them.

    References and corpus hold pieces of the outputs, right and wrong ones, so that real sources have what to find.
    """
    plain = [request_of(row, number, seed) for number in range(COURSES[row["batch"]].sessions)]
    found = [by_hand(target, request) for request in plain]
    rng = random.Random(seed)
    corpus = build_index([*(_spoilt(one.tokens, rng) for one in found), *(one.prompt for one in plain)])
    jobs = {}
    for request, outcome in zip(plain, found, strict=True):
        output = outcome.tokens
        references = (
            Reference(_spoilt(output, rng), cursor=rng.random() < 0.5),
            Reference(output[rng.randrange(len(output)) :] + request.prompt[:5], lead=output[:2]),
            Reference(request.prompt[2:], prompt_start=2),
        )
        jobs[replace(request, references=references, corpus=corpus)] = outcome
    return jobs


def _spoilt(tokens: Sequence[int], rng: random.Random) -> tuple[int, ...]:
    """The tokens with one in six changed."""
    return tuple(rng.randrange(VOCABULARY) if rng.random() < 1 / 6 else token for token in tokens)


def engine_of(row: Row, target: Target, other: Target, jobs: Mapping[Request, Outcome]) -> Engine:
    """An engine with fixed T(n) and a calibration that learns nothing, so that runs repeat."""
    tree = row["shape"] == "tree"
    small = target if tree else other
    return Engine(
        target,
        sources=sources_of(
            row["source"], {one: outcome.tokens for one, outcome in jobs.items()}, target, small, tree=tree
        ),
        budget=Budget(limit=LIMIT) if tree else Chains(limit=LIMIT),
        calibration=Calibration(frozen=True),
        max_rows=COURSES[row["batch"]].rows,
    )


def sources_of(
    name: str, outputs: Mapping[Request, Sequence[int]], target: Target, small: Target, *, tree: bool
) -> Callable[[], Sequence[DraftSource]]:
    """What makes the draft sources of each session; they share what an engine's sources share."""
    shared = all_drafters(target, small)
    # A chain that is longer than a window of sliding attention.
    oracle = lambda: Oracle(outputs, length=8 if tree else 16, branches=2 * tree)  # noqa: E731
    wrong = lambda: AlwaysWrong(outputs, branches=3 if tree else 1)  # noqa: E731
    special: Mapping[str, Callable[[], Sequence[DraftSource]]] = {
        "oracle": lambda: [oracle()],
        "always-wrong": lambda: [wrong()],
        "empty": list,
        "repeating": lambda: [Repeating()],
        "mixed": lambda: [*make_sources(DEFAULT_SOURCES, shared), oracle(), wrong()],
        "defaults": lambda: make_sources(DEFAULT_SOURCES, shared),
        "everything": lambda: make_sources(tuple(SOURCES), shared),
    }
    return special.get(name, lambda: make_sources((name,), shared))
