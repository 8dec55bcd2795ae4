"""A session ends exactly where it should, survives bad sources, and can be stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.errors import InvalidRequest, PromptTooLong
from decoding.interfaces import Commit, Request
from decoding.scheduling.session import Session
from decoding.sources.base import DraftContext, DraftSource
from decoding.target.target import Target
from decoding.tree import DraftTree
from tests.support.fakes import VOCABULARY, FixedSource, Oracle, Raising, chain

PROMPT = (5, 6, 7, 8)


def run(target: Target, job: Request, sources: Callable[[], Sequence[DraftSource]] = list) -> Session:
    return Engine(target, sources=sources, budget=Budget()).generate(job)


@pytest.fixture(scope="module")
def output(llama: Target) -> list[int]:
    return run(llama, Request(PROMPT, 40)).tokens


@pytest.mark.parametrize("length", range(1, 12))
def test_max_new_tokens_is_exact_inside_an_accepted_block(llama: Target, output: list[int], length: int) -> None:
    session = run(llama, Request(PROMPT, length), lambda: [Oracle(output)])
    assert session.tokens == output[:length]
    assert session.finish_reason == "length"
    assert session.stats.tokens == length


@pytest.mark.parametrize("drafted", [False, True])
def test_an_end_token_ends_inside_an_accepted_block(llama: Target, output: list[int], drafted: bool) -> None:
    end = output[9]
    expected = output[: output.index(end) + 1]
    session = run(llama, Request(PROMPT, 40, eos_ids=frozenset({end})), lambda: [Oracle(output)] if drafted else [])
    assert session.tokens == expected
    assert session.finish_reason == "eos"


@pytest.mark.parametrize("stop_at", range(1, 12))
def test_a_stop_condition_ends_inside_an_accepted_block(llama: Target, output: list[int], stop_at: int) -> None:
    def fresh() -> Callable[[int], bool]:
        seen: list[int] = []

        def stop(token: int) -> bool:
            seen.append(token)
            return len(seen) == stop_at

        return stop

    session = run(llama, Request(PROMPT, 40, stop=fresh), lambda: [Oracle(output)])
    assert session.tokens == output[:stop_at]
    assert session.finish_reason == "stop"


def test_commits_add_up_and_name_their_sources(llama: Target, output: list[int]) -> None:
    engine = Engine(llama, sources=lambda: [Oracle(output, length=4)], budget=Budget())
    session = engine.session(Request(PROMPT, 20))
    commits = list(engine.iterate(session))
    assert [token for commit in commits for token in commit.tokens] == session.tokens == output[:20]
    assert [commit.finish_reason for commit in commits[:-1]] == [None] * (len(commits) - 1)
    assert commits[-1].finish_reason == session.finish_reason == "length"
    assert commits[0].sources == (("oracle",),) * 4 + ((),)
    assert session.stats.target_forwards == len(commits) == 4
    assert session.stats.mean_acceptance_length == 5.0
    assert session.stats.by_source["oracle"].accepted == session.stats.accepted == 16
    assert session.stats.accepted_by_depth == {1: 4, 2: 4, 3: 4, 4: 4}


def test_a_source_that_raises_is_switched_off_and_said(llama: Target, output: list[int]) -> None:
    session = run(llama, Request(PROMPT, 20), lambda: [Raising("broken"), Oracle(output)])
    assert session.tokens == output[:20]
    assert "this source is broken" in session.stats.failed_sources["broken"]
    assert session.stats.by_source["oracle"].accepted > 0


def test_a_source_whose_draft_is_malformed_is_switched_off_too(llama: Target, output: list[int]) -> None:
    class Malformed(FixedSource):
        def propose(self, context: DraftContext) -> DraftTree:
            return DraftTree.chain((1, 2, 3), (0.9,))

    session = run(llama, Request(PROMPT, 20), lambda: [Malformed("malformed"), Oracle(output)])
    assert session.tokens == output[:20]
    assert list(session.drafter.failed) == ["malformed"]


def test_ids_outside_the_vocabulary_are_dropped(llama: Target, output: list[int]) -> None:
    class Strange(FixedSource):
        def propose(self, context: DraftContext) -> DraftTree:
            right = output[len(context.output)]
            return DraftTree.side_by_side([chain([VOCABULARY], 0.9), chain([-1], 0.9), chain([right, 10**9], 0.9)])

    session = run(llama, Request(PROMPT, 10), lambda: [Strange("strange")])
    assert session.tokens == output[:10]
    assert session.stats.drafted == 0


def test_cancel_ends_before_the_next_step(llama: Target, output: list[int]) -> None:
    engine = Engine(llama, sources=list, budget=Budget())
    session = engine.session(Request(PROMPT, 40))
    commits: list[Commit] = []
    for commit in engine.iterate(session):
        commits.append(commit)
        if len(commits) == 3:
            session.cancel()
    assert session.tokens == output[:3]
    assert session.finish_reason == "cancelled"
    assert commits[-1] == Commit((), (), (), session.finish_reason)


def test_cancel_during_prefill_writes_nothing(llama: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decoding.scheduling.scheduler.PREFILL_CHUNK", 8)
    chunks: list[int] = []

    def progress(done: int, total: int) -> None:
        chunks.append(done)
        session.cancel()

    engine = Engine(llama, sources=list, budget=Budget())
    session = engine.session(Request(tuple(range(1, 50)), 10, progress=progress))
    assert [commit.finish_reason for commit in engine.iterate(session)] == ["cancelled"]
    assert chunks == [8]
    assert session.tokens == []


def test_sources_are_told_of_the_end_even_if_the_caller_leaves(llama: Target) -> None:
    class Ended(FixedSource):
        ended = False

        def finish(self) -> None:
            Ended.ended = True

    engine = Engine(llama, sources=lambda: [Ended("ended")], budget=Budget())
    iterator = engine.iterate(engine.session(Request(PROMPT, 10)))
    next(iterator)
    iterator.close()
    engine.forget()  # Closing leaves a mark, because the collector may close it in the middle of a step.
    assert Ended.ended


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (Request((), 5), InvalidRequest),
        (Request(PROMPT, 0), InvalidRequest),
        (Request((VOCABULARY,), 5), InvalidRequest),
        (Request((1,) * 256, 5), PromptTooLong),
    ],
)
def test_impossible_requests_are_refused_with_a_remedy(llama: Target, job: Request, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        Engine(llama, budget=Budget()).session(job)
    assert caught.value.hint  # type: ignore[attr-defined]


def test_an_unknown_source_is_refused_by_name(llama: Target) -> None:
    with pytest.raises(InvalidRequest, match="spam"):
        Engine(llama, sources=("spam",), budget=Budget()).session(Request(PROMPT, 5))


def test_a_prompt_of_one_token_has_nothing_to_prefill(llama: Target) -> None:
    plain = run(llama, Request((5,), 12))
    drafted = run(llama, Request((5,), 12), lambda: [Oracle(plain.tokens, branches=1)])
    assert drafted.tokens == plain.tokens
    assert len(plain.tokens) == 12
