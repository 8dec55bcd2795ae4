"""Row 6 of the promise: rejected drafts leave no trace in the cache, in the processors' states or in the noise.

Many rounds of random drafting, accepting, rejecting, rolling back, joining and leaving on the rows of a `TreeCache`;
now and then every row is compared with a fresh prefill of what was committed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Request, Sampling
from decoding.processors.token_rules import FrequencyPenalty, RepetitionPenalty
from decoding.scheduling.prefix_cache import DEFAULT_BYTES, PrefixCache
from decoding.scheduling.session import Session
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.target.tree_cache import TreeCache
from decoding.tree import ROOT, TokenTree
from decoding.verification import sampling
from tests.support.fakes import ARCHITECTURES, SLIDING, VOCABULARY, AlwaysWrong, Oracle, Repeating, chain, tiny_model
from tests.support.trials import by_hand, say, scores

MOST_ROWS = 5
MOST_TOKENS = 90
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-11}


class Rounds:
    """Rows of one cache, each with the tokens that it must hold, and prefixes to begin with."""

    def __init__(self, target: Target, seed: object) -> None:
        self.target = target
        self.rng = random.Random(str(seed))
        self.cache = target.new_cache(rows=0)
        self.prefixes = PrefixCache(DEFAULT_BYTES, target.new_cache)
        self.rows: list[list[int]] = []
        self.unread: list[int] = []  # How many tokens of a row's prompt are left to the next forward.
        self.compared = 0
        self.worst = 0.0
        self.counts = dict.fromkeys(
            ("rounds", "accepted", "rejected", "joined", "left", "reused", "rewound", "unread"), 0
        )

    def run(self, rounds: int, *, every: int) -> None:
        for number in range(rounds):
            self.come_and_go()
            self.step()
            self.counts["rounds"] += 1
            if number % every == every - 1:
                self.compare()
        self.compare()

    def come_and_go(self) -> None:
        """Full rows leave, some leave early, new ones join; a few texts begin like one that has left."""
        for row in reversed(range(len(self.rows))):
            if len(self.rows[row]) > MOST_TOKENS or self.rng.random() < 0.02:
                self.leave(row)
        while not self.rows or (len(self.rows) < MOST_ROWS and self.rng.random() < 0.3):
            self.join()

    def join(self) -> None:
        old = self.rng.choice(self.prefixes._entries) if len(self.prefixes) and self.rng.random() < 0.7 else None
        begun = [int(token) for token in old.tokens_T][: self.rng.randrange(10, 40)] if old else []
        tokens = begun + [self.rng.randrange(VOCABULARY) for _ in range(self.rng.randrange(3, 12))]
        own = self.prefixes.find(tokens)
        self.counts["reused"] += own.length > 0
        left = self.rng.randrange(len(tokens) - own.length) if self.rng.random() < 0.3 else 0
        self.target.prefill(tokens[own.length : len(tokens) - 1 - left], own)
        self.cache.add_row(own)
        self.rows.append(tokens)
        self.unread.append(left)
        self.counts["unread"] += left > 0
        self.counts["joined"] += 1

    def leave(self, row: int) -> None:
        if self.rng.random() < 0.5:
            self.prefixes.store(self.rows[row], self.cache, row)
        self.cache.drop_row(row)
        self.rows[row], self.unread[row] = self.rows[-1], self.unread[-1]
        del self.rows[-1], self.unread[-1]
        self.counts["left"] += 1

    def step(self) -> None:
        """One forward over some of the rows; a row keeps its path, or nothing of its tree, or is taken back."""
        first = self.rng.randrange(len(self.rows))
        last = self.rng.randrange(first, len(self.rows)) + 1
        trees = [self.tree(tokens[-1]) for tokens in self.rows[first:last]]
        unread = [self.rows[row][len(self.rows[row]) - 1 - self.unread[row] : -1] for row in range(first, last)]
        self.target.verify_rows(trees, self.cache, first=first, unread=unread)
        self.unread[first:last] = [0] * len(trees)
        paths = [None if self.rng.random() < 0.1 else self.path(tree) for tree in trees]
        self.cache.keep_rows(paths, first=first)
        for row, (tree, path) in enumerate(zip(trees, paths, strict=True), start=first):
            if path is None:
                continue
            self.rows[row] += [*(tree.tokens[node] for node in path), self.rng.randrange(VOCABULARY)]
            self.counts["accepted"] += len(path)
            self.counts["rejected"] += tree.drafted - len(path)
            if self.rng.random() < 0.05:
                self.rewind(row)

    def rewind(self, row: int) -> None:
        length = self.rng.randrange(1, len(self.rows[row]))
        del self.rows[row][length:]
        self.cache.rewind(length - 1, row=row)
        self.counts["rewound"] += 1

    def tree(self, root: int) -> TokenTree:
        tree = TokenTree.of(root)
        for _ in range(self.rng.randrange(5)):
            tokens = [self.rng.randrange(5) for _ in range(self.rng.randrange(1, 6))]
            tree.graft("random", chain(tokens, 0.5), max_depth=6)
        return tree

    def path(self, tree: TokenTree) -> list[int]:
        path, node = [], ROOT
        while tree.children[node] and self.rng.random() < 0.7:
            node = self.rng.choice([*tree.children[node].values()])
            path.append(node)
        return path

    def compare(self) -> None:
        cached = [len(tokens) - 1 - left for tokens, left in zip(self.rows, self.unread, strict=True)]
        assert list(self.cache.lengths) == cached
        for row, (tokens, length) in enumerate(zip(self.rows, cached, strict=True)):
            fresh = self.target.new_cache()
            self.target.prefill(tokens[:length], fresh)
            self.worst = max(self.worst, difference(self.cache, row, fresh))
            self.compared += 1
        assert self.worst < TOLERANCE[self.target.dtype], (self.target.name, self.counts)


def difference(cache: TreeCache, row: int, fresh: TreeCache) -> float:
    """Largest absolute difference of any key or value."""
    worst, length = 0.0, cache.lengths[row]
    if not length:
        return worst
    for ours, theirs in zip(cache.layers, fresh.layers, strict=True):
        for name in ("keys", "values"):
            mine, other = getattr(ours, name)[row, :, :length], getattr(theirs, name)[0, :, :length]
            worst = max(worst, float((mine - other).abs().max()))
    return worst


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_rows_hold_what_was_committed(targets: dict[str, Target], architecture: str) -> None:
    rounds = Rounds(targets[architecture], architecture)
    rounds.run(300, every=10)
    assert min(rounds.counts.values()) > 0, rounds.counts


@pytest.mark.exact
@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *SLIDING])
def test_ten_thousand_rounds_in_float32(architecture: str) -> None:
    rounds = Rounds(target_of(tiny_model(architecture, spread=0.1), name=architecture), architecture)
    rounds.run(10_000, every=25)
    say(f"{architecture}: {rounds.counts}, rows compared {rounds.compared}, largest difference {rounds.worst:.1e}")


def trace_states(engine: Engine, session: Session, request: Request, target: Target) -> None:
    """After every commit: processor states, position and noise are those of plain decoding of the same tokens."""
    choice = session._choice
    for _ in engine.iterate(session):
        written = len(session.tokens)
        assert (choice.written, choice.position) == (written, len(request.prompt) + written)
        for processor, state in zip(request.processors, choice._states, strict=True):
            plain = processor.start()
            for token in session.tokens:
                plain = processor.advance(plain, token)
            logits = torch.linspace(-3, 3, VOCABULARY, dtype=torch.float64).numpy()
            ours, theirs = logits.copy(), logits.copy()
            processor.apply(state, ours)
            processor.apply(plain, theirs)
            assert (ours == theirs).all()
        if session.finish_reason is None:
            # The noise of the next token is what the seed and the position say; nothing else is drawn from.
            at = choice.position
            found = sampling.choose(
                scores_without_noise(target, request, session.tokens), request.sampling, position=at
            )
            assert found == int(scores(target, request, session.tokens).argmax())


def scores_without_noise(target: Target, request: Request, output: Sequence[int]) -> object:
    return scores(target, replace(request, sampling=Sampling()), output)


def check_states(target: Target, seed: int) -> None:
    rng = random.Random(seed)
    prompt = tuple(rng.randrange(2, VOCABULARY) for _ in range(12))
    request = Request(
        prompt,
        24,
        sampling=Sampling(do_sample=True, temperature=1.1, seed=seed),
        processors=(RepetitionPenalty(prompt, 1.3), FrequencyPenalty(0.6)),
    )
    expected = by_hand(target, request)
    sources = lambda: [Oracle(expected.tokens, branches=2, length=5), AlwaysWrong(expected.tokens), Repeating()]  # noqa: E731
    engine = Engine(target, sources=sources, budget=Budget(limit=24))
    session = engine.session(request)
    trace_states(engine, session, request, target)
    assert tuple(session.tokens) == expected.tokens


@pytest.mark.parametrize("seed", range(3))
def test_states_and_noise_are_those_of_plain_decoding(llama: Target, seed: int) -> None:
    check_states(llama, seed)


@pytest.mark.exact
def test_states_and_noise_on_many_requests(targets: dict[str, Target]) -> None:
    for target in targets.values():
        for seed in range(50):
            check_states(target, seed)
