"""Penalties and forbidden tokens: Hugging Face's figures, its outputs, and drafts that repeat what is penalised."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import (
    LogitsProcessorList,
    MinNewTokensLengthLogitsProcessor,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
)

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.errors import InvalidRequest
from decoding.interfaces import Processor, Request, Sampling
from decoding.processors import token_rules
from decoding.processors.token_rules import (
    BadWords,
    FrequencyPenalty,
    LogitBias,
    MinNewTokens,
    NoRepeatNgram,
    PresencePenalty,
    RepetitionPenalty,
    TokenRules,
)
from decoding.sources.base import DraftContext, DraftSource
from decoding.target.target import Target
from decoding.tree import DraftTree
from tests.support.fakes import VOCABULARY, AlwaysWrong, FixedSource, Oracle, chain
from tests.support.mutants import mutant

SMALL = 12
EOS = (0, 5)
NAN, INF = float("nan"), float("inf")
WORDS = ((3,), (1, 2), (1, 4), (2, 2), (1, 2, 3), (2, 1, 3, 2), (7, 8, 9, 10), (0,), (0, 1))
BIASES = {1: 2.5, 2: -3.0, 7: -INF, 9: 0.25}
RULES = {
    "repetition": TokenRules(repetition_penalty=1.7),
    "less-than-one": TokenRules(repetition_penalty=0.6),
    "n-gram-1": TokenRules(no_repeat_ngram_size=1),
    "n-gram-2": TokenRules(no_repeat_ngram_size=2),
    "n-gram-4": TokenRules(no_repeat_ngram_size=4),
    "bad-words": TokenRules(bad_words_ids=WORDS),
    "bias": TokenRules(logit_bias=tuple(BIASES.items())),
    "min-new-tokens": TokenRules(min_new_tokens=5),
    "all": TokenRules(
        tuple(BIASES.items()), repetition_penalty=1.3, no_repeat_ngram_size=3, bad_words_ids=WORDS, min_new_tokens=4
    ),
}


def theirs(rules: TokenRules, prompt_length: int) -> LogitsProcessorList:
    """What ``model.generate`` builds for the same options, in its order."""
    made = LogitsProcessorList()
    if rules.logit_bias:
        made.append(SequenceBiasLogitsProcessor([[[token], bias] for token, bias in rules.logit_bias]))
    if rules.repetition_penalty != 1:
        made.append(RepetitionPenaltyLogitsProcessor(rules.repetition_penalty))
    if rules.no_repeat_ngram_size:
        made.append(NoRepeatNGramLogitsProcessor(rules.no_repeat_ngram_size))
    if rules.bad_words_ids:
        made.append(NoBadWordsLogitsProcessor([list(word) for word in rules.bad_words_ids], list(EOS)))
    if rules.min_new_tokens:
        made.append(MinNewTokensLengthLogitsProcessor(prompt_length, rules.min_new_tokens, list(EOS)))
    return made


def processed(
    processors: Sequence[Processor], output: Sequence[int], logits: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The logits after ``output``, each processor in turn."""
    row = logits.copy()
    for processor in processors:
        state = processor.start()
        for token in output:
            state = processor.advance(state, token)
        processor.apply(state, row)
    return row


def differences(rules: TokenRules, histories: int, wrap: Callable[[tuple[Processor, ...]], Sequence[Processor]]) -> int:
    """In how many of the random histories our logits are not Hugging Face's."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(histories):
        kinds = rng.choice([4, SMALL])  # Few kinds of tokens repeat themselves and end in bad words often.
        prompt = rng.integers(0, kinds, rng.integers(1, 9)).tolist()
        output = rng.integers(0, kinds, rng.integers(0, 12)).tolist()
        logits = rng.normal(size=SMALL)
        ours = processed(wrap(rules.processors(prompt, eos_ids=EOS, vocab_size=SMALL)), output, logits)
        ids, scores = torch.tensor([[*prompt, *output]]), torch.tensor(logits[None])
        expected = theirs(rules, len(prompt))(ids, scores)[0].numpy()
        found += not np.allclose(ours, expected, rtol=1e-6)
    return found


@pytest.mark.parametrize("name", RULES)
def test_logits_are_hugging_face_s(name: str) -> None:
    assert differences(RULES[name], 150, lambda made: made) == 0


def test_frequency_and_presence_count_the_output_alone() -> None:
    logits, output = np.zeros(SMALL), [4, 4, 2, 4]
    expected = np.zeros(SMALL)
    expected[[4, 2]] = [-3 * 0.5, -0.5]
    assert (processed([FrequencyPenalty(0.5)], output, logits) == expected).all()
    expected[[4, 2]] = -0.75
    assert (processed([PresencePenalty(0.75)], output, logits) == expected).all()


MUTANTS = {
    "repetition over the output alone": (token_rules, "(self._prompt_K, state)", "(state,)", "repetition"),
    "repetition over the prompt alone": (token_rules, "(self._prompt_K, state)", "(self._prompt_K,)", "repetition"),
    "repetition divides all": (token_rules, "chosen_K * self._penalty", "chosen_K / self._penalty", "repetition"),
    "repetition twice": (token_rules, "known = token in self._prompt or", "known = False and", "repetition"),
    "words without the prompt": (token_rules, "return self._prompt[max(0, len(self._prompt) - self._kept) :]",
                                 "return ()", "bad-words"),
    "words that keep too little": (token_rules, "tail[max(0, len(tail) - self._kept) :]",
                                   "tail[max(0, len(tail) - self._kept + 1) :]", "bad-words"),
    "words that forbid an end": (token_rules, "for sequence in sequences} - ends", "for sequence in sequences}",
                                 "bad-words"),
    "n-grams of the prompt alone": (token_rules, "return np.append(state, token)", "return state", "n-gram-2"),
    "n-grams one too short": (token_rules, "for back in range(1, self._size)", "for back in range(1, self._size - 1)",
                              "n-gram-2"),
    "end one token early": (token_rules, "if state < self._least", "if state < self._least - 1", "min-new-tokens"),
    "bias instead of logit": (token_rules, "logits_V[self._ids_K] += self._biases_K",
                              "logits_V[self._ids_K] = self._biases_K", "bias"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_processor_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, old, new, rules = MUTANTS[name]
    wrong = mutant(module, old, new, monkeypatch)

    def wrongly(made: tuple[Processor, ...]) -> Sequence[Processor]:
        for processor in made:
            processor.__class__ = getattr(wrong, type(processor).__name__)
        return made

    if name == "words that forbid an end":
        words = wrong.BadWords(WORDS, prompt=(1,), eos_ids=EOS, vocab_size=SMALL)
        assert processed([words], [], np.zeros(SMALL))[0] == -np.inf
    else:
        assert differences(RULES[rules], 60, wrongly) > 0


def test_states_of_different_paths_do_not_touch_each_other() -> None:
    """Every path of a tree, advanced in turn from shared states, is as the path advanced alone."""
    rules = replace(RULES["all"], frequency_penalty=0.4, presence_penalty=0.2)
    processors = rules.processors((1, 2, 7, 8), eos_ids=EOS, vocab_size=SMALL)
    logits = np.random.default_rng(1).normal(size=SMALL)
    for processor in processors:
        states = {(): processor.start()}
        paths = [path for length in (1, 2, 3) for path in itertools.product((1, 2, 3, 9), repeat=length)]
        for path in paths:
            states[path] = processor.advance(states[path[:-1]], path[-1])
        for path in [(), *paths]:
            row = logits.copy()
            processor.apply(states[path], row)
            assert (row == processed([processor], path, logits)).all()


SEARCH = {
    "repetition": {"repetition_penalty": 1.8},
    "n-gram": {"no_repeat_ngram_size": 2},
    "bad-words": {"bad_words_ids": [[9], [4, 7], [7, 7], [3, 1, 2]]},
    "min-new-tokens": {"min_new_tokens": 12},
    "all": {"repetition_penalty": 1.2, "no_repeat_ngram_size": 3, "bad_words_ids": [[9], [4, 7]], "min_new_tokens": 6},
}


def as_rules(options: dict[str, object]) -> TokenRules:
    words = options.get("bad_words_ids", ())
    return TokenRules(**{**options, "bad_words_ids": tuple(tuple(word) for word in words)})


def prompt_of(seed: int) -> tuple[int, ...]:
    rng = np.random.default_rng(seed)
    phrase = rng.integers(1, VOCABULARY, 6).tolist()
    return (*phrase, *rng.integers(1, VOCABULARY, 3).tolist(), *phrase[:3])


class Repeats(FixedSource):
    """Drafts the last tokens of the output again and again: what every penalty is about."""

    def propose(self, context: DraftContext) -> DraftTree:
        tokens = context.output
        return DraftTree.side_by_side(chain(tuple(tokens[-n:]) * 3, 0.9) for n in (1, 2, 3) if len(tokens) >= n)


def runs(target: Target, job: Request) -> tuple[list[int], list[list[int]]]:
    """The output without drafts, and those with drafts of every quality."""
    plain = Engine(target, sources=list, budget=Budget(limit=24)).generate(job).tokens
    qualities: list[Callable[[], Sequence[DraftSource]]] = [
        lambda: [Repeats("repeats")],
        lambda: [Oracle(plain)],
        lambda: [Oracle(plain, branches=2)],
        lambda: [AlwaysWrong(plain)],
        lambda: [Repeats("repeats"), Oracle(plain, length=3)],
    ]
    return plain, [Engine(target, sources=one, budget=Budget(limit=24)).generate(job).tokens for one in qualities]


@pytest.mark.parametrize("name", SEARCH)
def test_outputs_are_those_of_generate(llama: Target, name: str) -> None:
    changed = 0
    for seed in range(4):
        prompt = prompt_of(seed)
        ids = torch.tensor([prompt])
        common = {"attention_mask": torch.ones_like(ids), "max_new_tokens": 30, "do_sample": False, "pad_token_id": 0}
        ends = [int(token) for token in np.random.default_rng(seed).integers(1, VOCABULARY, 8)]
        expected = llama.model.generate(ids, **common, eos_token_id=ends, **SEARCH[name])[0, len(prompt) :].tolist()
        bare = llama.model.generate(ids, **common, eos_token_id=ends)[0, len(prompt) :].tolist()
        made = as_rules(SEARCH[name]).processors(prompt, eos_ids=ends, vocab_size=VOCABULARY)
        plain, drafted = runs(llama, Request(prompt, 30, eos_ids=frozenset(ends), processors=made))
        assert plain == expected
        assert all(tokens == expected for tokens in drafted)
        changed += expected != bare
    assert changed, "the options must matter"


PAIRWISE = {
    "bias": TokenRules(logit_bias=((4, 3.0), (7, -INF))),
    "repetition": TokenRules(repetition_penalty=1.5),
    "frequency": TokenRules(frequency_penalty=0.8),
    "presence": TokenRules(presence_penalty=1.5),
    "n-gram": TokenRules(no_repeat_ngram_size=2),
    "words": TokenRules(bad_words_ids=((9,), (4, 7), (7, 7), (3, 1, 2))),
    "least": TokenRules(min_new_tokens=9),
}
SAMPLINGS = (Sampling(), Sampling(do_sample=True, temperature=1.3, top_k=20, min_p=0.02, seed=4))


def check_pair(target: Target, rules: Sequence[TokenRules], seeds: Sequence[int]) -> None:
    """Drafts that repeat penalised tokens change nothing."""
    for seed, sampling in itertools.product(seeds, SAMPLINGS):
        prompt = prompt_of(seed)
        made = [one for rule in rules for one in rule.processors(prompt, eos_ids=EOS, vocab_size=VOCABULARY)]
        plain, drafted = runs(
            target, Request(prompt, 24, sampling=sampling, eos_ids=frozenset(EOS), processors=tuple(made))
        )
        assert all(tokens == plain for tokens in drafted)


@pytest.mark.parametrize("name", PAIRWISE)
def test_drafts_change_nothing(llama: Target, name: str) -> None:
    check_pair(llama, [PAIRWISE[name]], [1])


@pytest.mark.exact
@pytest.mark.parametrize("pair", list(itertools.combinations_with_replacement(PAIRWISE, 2)), ids="+".join)
def test_drafts_change_nothing_under_each_pair(targets: dict[str, Target], pair: tuple[str, str]) -> None:
    rules = [PAIRWISE[name] for name in dict.fromkeys(pair)]
    for number, target in enumerate(targets.values()):
        check_pair(target, rules, range(number * 10, number * 10 + 3))


def test_rules_that_change_nothing_cost_nothing() -> None:
    assert TokenRules().processors((1, 2), eos_ids=EOS, vocab_size=SMALL) == ()
    assert TokenRules(min_new_tokens=3).processors((1, 2), eos_ids=(), vocab_size=SMALL) == ()


@pytest.mark.parametrize(
    "make",
    [
        *[lambda value=value: RepetitionPenalty((1,), value) for value in (0.0, -1.0, NAN, INF)],
        *[lambda value=value: FrequencyPenalty(value) for value in (NAN, INF)],
        *[lambda value=value: PresencePenalty(value) for value in (NAN, -INF)],
        *[lambda value=value: LogitBias({3: value}, vocab_size=9) for value in (NAN, INF)],
        *[lambda token=token: LogitBias({token: 1.0}, vocab_size=9) for token in (-1, 9, 10**9)],
        *[
            lambda word=word: BadWords([word], prompt=(), eos_ids=(), vocab_size=9)
            for word in ((), (9,), (1, -1), (1, 10**9))
        ],
        lambda: NoRepeatNgram((1,), 0),
        lambda: NoRepeatNgram((1,), -2),
        lambda: MinNewTokens(-1, eos_ids=(0,)),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], Processor]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make()
    assert caught.value.hint
