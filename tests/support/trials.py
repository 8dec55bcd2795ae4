"""Trials: plain decoding written a second time, as simply as can be, and sessions run together to compare with it.

What is compared is an ``Outcome``: ids, the reason of the end, and the error if there was one.
V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.errors import InvalidRequest
from decoding.interfaces import Commit, Request
from decoding.scheduling.session import Session
from decoding.target.target import Target
from decoding.tree import ROOT, TokenTree
from decoding.verification import sampling


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request came to."""

    tokens: tuple[int, ...]
    reason: str | None
    error: str | None = None

    def is_of(self, plain: Outcome) -> bool:
        """Whether this is what plain decoding came to. What was written before an error or a cancellation may be
        shorter: the step in which it came is not committed.
        """
        if self.reason in ("cancelled", "failed") or plain.error:
            same_end = self.reason == "cancelled" or (self.reason, self.error) == (plain.reason, plain.error)
            return same_end and self.tokens == plain.tokens[: len(self.tokens)]
        return self == plain


def say(line: str) -> None:
    """A figure of the run, which ``make test-exact`` shows."""
    print(line)  # noqa: T201


def by_hand(target: Target, request: Request) -> Outcome:
    """Plain decoding without cache, tree, batch or kept state: the whole text through the model for every token."""
    stop = request.stop() if request.stop is not None else lambda _token: False
    output: list[int] = []
    while True:
        scores_V = scores(target, request, output)
        if not scores_V.max() > -np.inf:
            return Outcome(tuple(output), "failed", "no next token is allowed")
        token = int(np.flatnonzero(scores_V == scores_V.max())[0])
        output.append(token)
        stopped = stop(token)
        if token in request.eos_ids:
            return Outcome(tuple(output), "eos")
        if stopped:
            return Outcome(tuple(output), "stop")
        if len(output) == request.max_new_tokens:
            return Outcome(tuple(output), "length")
        if len(request.prompt) + len(output) == target.context_length:
            return Outcome(tuple(output), "context")


@torch.inference_mode()
def scores(target: Target, request: Request, output: Sequence[int]) -> NDArray[np.float64]:
    """(V) what the next token is the first maximum of: processed logits, perturbed where it is sampled."""
    ids_1T = torch.tensor([[*request.prompt, *output]])
    logits_V = target.model(input_ids=ids_1T, use_cache=False).logits[0, -1].cpu().numpy().copy()
    for processor in request.processors:
        state = processor.start()
        for token in output:
            state = processor.advance(state, token)
        processor.apply(state, logits_V)
    wide_V = logits_V.astype(np.float64)
    if not request.sampling.do_sample or not wide_V.max() > -np.inf:
        return wide_V
    position = len(request.prompt) + len(output)
    noise_V = sampling.gumbel(request.sampling.seed, position, np.arange(wide_V.size))
    return _kept(wide_V / request.sampling.temperature, request) + noise_V


def _kept(scaled_V: NDArray[np.float64], request: Request) -> NDArray[np.float64]:
    """Top-k, top-p and min-p by their definitions; what is dropped becomes -inf."""
    options, kept_V = request.sampling, scaled_V.copy()
    if options.top_k:
        kept_V[kept_V < np.sort(kept_V)[::-1][: options.top_k][-1]] = -np.inf
    if options.top_p < 1:
        order = np.argsort(-kept_V, kind="stable")
        weights = np.exp(kept_V[order] - kept_V.max())
        before = np.concatenate([[0.0], np.cumsum(weights)[:-1]])
        kept_V[order[before >= options.top_p * weights.sum()]] = -np.inf
    if options.min_p:
        kept_V[np.exp(kept_V - kept_V.max()) < options.min_p] = -np.inf
    return kept_V


class Chains(Budget):
    """Cuts every tree to one chain: from each node the likeliest child."""

    def cut(self, trees: Sequence[TokenTree], *, unread: Sequence[int] | None = None) -> list[TokenTree]:
        """The chains, a row each."""
        return [tree.pruned(_likeliest(tree)) for tree in super().cut(trees, unread=unread)]


def _likeliest(tree: TokenTree) -> list[int]:
    path, node = [], ROOT
    while tree.children[node]:
        node = max(tree.children[node].values(), key=tree.probabilities.__getitem__)
        path.append(node)
    return path


def together(
    engine: Engine,
    requests: Sequence[Request],
    *,
    joins: Sequence[int] = (),
    leaves: Mapping[int, int] | None = None,
) -> list[tuple[Session, Outcome]]:
    """Sessions side by side in one thread, one commit of each in turn.

    ``joins``: the turn in which each begins, all in the first without; ``leaves``: after how many commits of its own
    a session is cancelled.
    """
    sessions = [engine.session(request) for request in requests]
    streams: dict[int, Iterator[Commit]] = {}
    waiting = {number: joins[number] if joins else 0 for number in range(len(requests))}
    errors: dict[int, str] = {}
    seen = [0] * len(requests)
    turn = 0
    while waiting or streams:
        for number in [one for one, at in waiting.items() if at <= turn]:
            del waiting[number]
            streams[number] = engine.iterate(sessions[number])
        for number, stream in list(streams.items()):
            try:
                commit = next(stream, None)
            except InvalidRequest as error:
                commit, errors[number] = None, error.cause.partition(":")[0]
            if commit is None:
                del streams[number]
                continue
            seen[number] += 1
            if leaves and seen[number] == leaves.get(number):
                sessions[number].cancel()
        turn += 1
    return [(session, _outcome(session, errors.get(number))) for number, session in enumerate(sessions)]


def alone(engine: Engine, request: Request, *, speculate: bool = True) -> Outcome:
    """One request on an engine that has nothing else to do."""
    session = engine.session(request, speculate=speculate)
    try:
        for _ in engine.iterate(session):
            pass
    except InvalidRequest as error:
        return _outcome(session, error.cause.partition(":")[0])
    return _outcome(session, None)


def _outcome(session: Session, error: str | None) -> Outcome:
    return Outcome(tuple(session.tokens), session.finish_reason, error)
