"""Continuous batching: every session writes what it writes alone, whoever joins, leaves, fails or waits beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.errors import OutOfMemory, Overloaded
from decoding.interfaces import FinishReason, Request, Sampling
from decoding.processors.copy_bias import CopyBias
from decoding.scheduling.session import Session
from decoding.sources.base import DraftSource
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from decoding.stats import Throughput
from decoding.target.target import Target
from tests.support.fakes import VOCABULARY, Oracle

NEW_TOKENS = 24


def jobs(count: int) -> list[Request]:
    """Uneven in prompt length, output length, sampling and processors."""
    rng = np.random.default_rng(count)
    made = []
    for number in range(count):
        phrase = tuple(int(token) for token in rng.integers(1, VOCABULARY, 6 + 5 * number))
        sampling = Sampling(do_sample=number % 3 == 2, temperature=1.2, seed=number)
        processors = (CopyBias(phrase[:6], bonus=1.5, end=0),) if number % 2 else ()
        made.append(Request(phrase + phrase[:4], NEW_TOKENS + 3 * number, sampling=sampling, processors=processors))
    return made


def engine(target: Target, sources: Callable[[], Sequence[DraftSource]] | None = None, **options: Any) -> Engine:
    made = sources if sources is not None else lambda: make_sources(DEFAULT_SOURCES)
    return Engine(target, sources=made, budget=Budget(limit=16), **options)


def interleave(engine: Engine, sessions: Sequence[Session]) -> None:
    """Read one commit of each in turn, in one thread."""
    streams = [engine.iterate(session) for session in sessions]
    while streams:
        streams = [stream for stream in streams if next(stream, None) is not None]


@pytest.mark.parametrize("rows", [1, 2, 3, 8])
def test_sessions_side_by_side_write_what_they_write_alone(targets: dict[str, Target], rows: int) -> None:
    for name, target in targets.items():
        alone = [engine(target).generate(job, speculate=False).tokens for job in jobs(8)]
        shared = engine(target, max_rows=rows)
        sessions = [shared.session(job, speculate=number != 5) for number, job in enumerate(jobs(8))]
        interleave(shared, sessions)
        assert [session.tokens for session in sessions] == alone, (name, rows)
        assert [len(tokens) for tokens in alone] == [job.max_new_tokens for job in jobs(8)]


def test_one_forward_serves_all_rows(llama: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = engine(llama, list)
    sizes: list[int] = []
    verify = Target.verify_rows

    def count(self: Target, trees: Any, cache: Any, **options: Any) -> Any:
        sizes.append(len(trees))
        return verify(self, trees, cache, **options)

    monkeypatch.setattr(Target, "verify_rows", count)
    interleave(shared, [shared.session(replace(job, max_new_tokens=10)) for job in jobs(4)])
    assert max(sizes) == 4
    assert len(sizes) <= 10 + 5


def test_threads_share_the_batch(llama: Target) -> None:
    alone = [engine(llama).generate(job).tokens for job in jobs(8)]
    shared = engine(llama, max_rows=4)
    sessions = [shared.session(job) for job in jobs(8)]
    threads = [threading.Thread(target=lambda one=session: [*shared.iterate(one)]) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [session.tokens for session in sessions] == alone


def test_a_late_comer_joins_between_two_steps(llama: Target) -> None:
    first, second = (replace(job, max_new_tokens=20, sampling=Sampling()) for job in jobs(2))
    alone = [engine(llama).generate(job).tokens for job in (first, second)]
    shared = engine(llama, list)
    one = shared.session(first)
    stream = shared.iterate(one)
    for _ in range(5):
        next(stream)
    two = shared.generate(second)
    assert two.tokens == alone[1]
    assert len(one.tokens) > 5, "the first one went on meanwhile"
    assert [*stream][-1].finish_reason is FinishReason.LENGTH
    assert one.tokens == alone[0]


def test_a_cancelled_row_is_free_at_the_next_step(llama: Target) -> None:
    shared = engine(llama, list, max_rows=1)
    one, two = (shared.session(replace(job, max_new_tokens=30)) for job in jobs(2))
    stream = shared.iterate(one)
    next(stream)
    other = shared.iterate(two)
    thread = threading.Thread(target=lambda: [*other])
    one.cancel()
    thread.start()
    thread.join(60)
    assert len(two.tokens) == 30
    assert [commit.finish_reason for commit in stream][-1] is FinishReason.CANCELLED


def test_a_closed_reader_frees_its_row(llama: Target) -> None:
    shared = engine(llama, list, max_rows=1)
    stream = shared.iterate(shared.session(jobs(1)[0]))
    next(stream)
    stream.close()
    assert len(shared.generate(jobs(2)[1]).tokens) == jobs(2)[1].max_new_tokens


def test_a_reader_that_stops_reading_holds_no_row(llama: Target) -> None:
    shared = engine(llama, list, max_rows=1)
    job = replace(jobs(1)[0], max_new_tokens=40)
    slow = shared.session(job)
    stream = shared.iterate(slow)
    next(stream)
    quick = shared.generate(replace(job, sampling=Sampling(do_sample=True, seed=1)))
    assert len(quick.tokens) == 40
    assert len(slow.tokens) < 40
    [*stream]
    assert slow.tokens == engine(llama).generate(job).tokens


def test_the_queue_is_bounded(llama: Target) -> None:
    shared = engine(llama, list, max_rows=1, max_waiting=0)
    first, second = (shared.iterate(shared.session(job)) for job in jobs(2))
    next(first)
    with pytest.raises(Overloaded) as caught:
        next(second)
    assert caught.value.hint
    [*first]
    assert len(shared.generate(jobs(2)[1]).tokens) == jobs(2)[1].max_new_tokens


class _Breaks:
    """A processor that raises at the third token."""

    def start(self) -> int:
        return 0

    def advance(self, state: object, token: int) -> int:
        assert isinstance(state, int)
        return state + 1

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        if state == 3:
            raise ValueError("broken processor")


def test_an_error_in_one_session_is_its_own(llama: Target) -> None:
    good, bad = jobs(2)
    alone = engine(llama).generate(good).tokens
    shared = engine(llama, list)
    sessions = [shared.session(good), shared.session(replace(bad, processors=(_Breaks(),)))]
    streams = [shared.iterate(session) for session in sessions]
    next(streams[0])
    with pytest.raises(ValueError, match="broken processor"):
        [*streams[1]]
    assert sessions[1].finish_reason is FinishReason.FAILED
    [*streams[0]]
    assert sessions[0].tokens == alone


class _Small:
    """Lets a model's forward run out of memory above so many new tokens."""

    def __init__(self, model: Any, most: int) -> None:
        self._forward, self._most = model.forward, most
        self.refused = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        if options["input_ids"].numel() > self._most:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self._forward(*args, **options)


@pytest.mark.parametrize("most", [8, 3, 1])
def test_short_memory_costs_speed_and_not_the_answer(llama: Target, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    expected = [engine(llama, list).generate(job).tokens for job in jobs(3)]
    small = _Small(llama.model, most)
    monkeypatch.setattr(llama.model, "forward", small)
    monkeypatch.setattr("decoding.scheduling.scheduler.PREFILL_CHUNK", most)
    monkeypatch.setattr("decoding.target.target.PREFILL_CHUNK", most)
    shared = Engine(llama, sources=lambda: make_sources(DEFAULT_SOURCES), budget=Budget(limit=16))
    sessions = [shared.session(job) for job in jobs(3)]
    interleave(shared, sessions)
    assert [session.tokens for session in sessions] == expected
    assert small.refused


def test_no_memory_at_all_is_a_clear_error_for_that_request_alone(
    llama: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = jobs(2)
    expected = engine(llama).generate(good).tokens
    shared = engine(llama, list)
    first = shared.iterate(shared.session(good))
    next(first)
    monkeypatch.setattr("decoding.scheduling.scheduler.PREFILL_CHUNK", 10**6)
    small = _Small(llama.model, 2)
    with monkeypatch.context() as patch:
        patch.setattr(llama.model, "forward", small)
        session = shared.session(bad)
        with pytest.raises(OutOfMemory) as caught:
            [*shared.iterate(session)]
        assert caught.value.hint
        assert session.finish_reason is FinishReason.FAILED
    [*first]
    assert shared.generate(good).tokens == expected


def test_a_prompt_that_begins_alike_is_not_read_again(llama: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    prefill = Target.prefill

    def count(self: Target, tokens: Sequence[int], *args: Any, **options: Any) -> bool:
        read.append(len(tokens))
        return prefill(self, tokens, *args, **options)

    monkeypatch.setattr(Target, "prefill", count)
    shared = engine(llama)
    prompt = tuple(1 + (7 * at) % (VOCABULARY - 1) for at in range(60))
    first = shared.generate(Request(prompt, 10)).tokens
    follow_up = (*prompt, *first, 3, 4, 5)
    assert shared.generate(Request(follow_up, 10)).tokens == engine(llama).generate(Request(follow_up, 10)).tokens
    read.clear()
    again = shared.session(Request(follow_up, 10))
    assert [*shared.iterate(again)]
    assert not read, "what is new is read by the forward over the first tree"
    shared.forget()
    shared.generate(Request(follow_up, 10))
    assert read == [len(follow_up) - 1]


def test_an_oracle_in_a_batch_is_accepted_whole(llama: Target) -> None:
    expected = [engine(llama, list).generate(replace(job, sampling=Sampling())).tokens for job in jobs(3)]
    made = iter([(), *expected])  # The engine makes sources once, to see whether there are any.
    shared = engine(llama, lambda: [Oracle(next(made), branches=1)])
    sessions = [shared.session(replace(job, sampling=Sampling())) for job in jobs(3)]
    interleave(shared, sessions)
    assert [session.tokens for session in sessions] == expected
    assert all(session.stats.mean_acceptance_length > 3 for session in sessions)


def test_a_reader_finds_nothing_before_the_step_is_all_done(llama: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers look without the lock: a commit must not be there before its cache, its figures and the session's end."""
    shared = engine(llama, list)
    seen: list[tuple[int, bool, float]] = []
    record = Throughput.record

    def look(self: Throughput, rows: int, tokens: int, seconds: float) -> None:
        slot = shared._scheduler._rows[0]
        seen.append((len(slot.commits), slot.over, slot.session.stats.decode_s))
        record(self, rows, tokens, seconds)

    monkeypatch.setattr(Throughput, "record", look)
    session = shared.session(replace(jobs(1)[0], max_new_tokens=3))
    figures = [session.stats.decode_s for _ in shared.iterate(session)]
    assert [(commits, over) for commits, over, _ in seen] == [(0, False)] * 3
    assert all(after > before for after, (_, _, before) in zip(figures, seen, strict=True))
