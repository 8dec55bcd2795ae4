"""The blend: what it drafts, that it learns, whose outputs it may use, and that compiling changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoding.interfaces import NO_ORIGIN, Commit, OriginKind, Reference, Request
from decoding.sources.blend.blend import Blend
from decoding.sources.blend.blend_state import BlendState, History
from decoding.sources.blend.compiled import PLAIN
from decoding.sources.blend.phrases import context_key, phrases_of
from decoding.sources.shared import Shared
from decoding.tree import DraftTree
from tests.support.drafts import proposed

TOKENS = st.lists(st.integers(1, 5), min_size=1, max_size=40)


def commit(*tokens: int) -> Commit:
    return Commit(tokens, ((),) * len(tokens), (NO_ORIGIN,) * len(tokens))


def written(state: BlendState, prompt: tuple[int, ...], output: tuple[int, ...], **options: str) -> None:
    source = Blend(state)
    source.start(Request(prompt, 99, **options))  # type: ignore[arg-type]
    source.observe(commit(*output))
    source.finish()


def best(drafts: list[DraftTree]) -> DraftTree:
    return max(drafts, key=lambda draft: draft.probabilities[0])


@settings(deadline=None)
@given(TOKENS, st.lists(TOKENS, max_size=3), st.lists(st.integers(1, 5), max_size=12), st.integers(1, 32))
def test_every_draft_is_a_chain_with_true_origins(
    prompt: list[int], references: list[list[int]], output: list[int], limit: int
) -> None:
    source = Blend(BlendState())
    source.start(Request(tuple(prompt), 99, references=tuple(Reference(tuple(ids)) for ids in references)))
    drafts = proposed(source, output, limit)
    for draft in drafts:
        assert len(draft.tokens) == len(draft.probabilities) == len(draft.origins) == len(draft.contributors)
        assert all(0 < probability < 1 for probability in draft.probabilities)
        for token, origin in zip(draft.tokens, draft.origins, strict=True):
            if origin.kind is OriginKind.REFERENCE:
                assert references[origin.index][origin.offset] == token
            if origin.kind is OriginKind.OUTPUT:
                assert output[origin.offset] == token
    paths = {draft.tokens[:n] for draft in drafts for n in range(1, len(draft.tokens) + 1)}
    assert len(paths) <= limit
    children: dict[tuple[int, ...], float] = {}
    for path, chance in {
        d.tokens[:n]: d.probabilities[n - 1] for d in drafts for n in range(1, len(d.tokens) + 1)
    }.items():
        children[path[:-1]] = children.get(path[:-1], 0.0) + chance
    assert all(total < 1.0001 for total in children.values())


def test_the_longer_match_is_preferred_and_knows_its_place() -> None:
    source = Blend(BlendState())
    source.start(Request((9, 3, 8, 9, 3, 7, 0, 2, 3), 20, references=(Reference((1, 2, 3, 4, 5, 6)),)))
    draft = best(proposed(source, [], 16))
    assert draft.tokens[:3] == (4, 5, 6)
    assert [origin.offset for origin in draft.origins[:3]] == [3, 4, 5]


def test_copying_resumes_inside_the_tree_behind_another_word() -> None:
    """The output wrote 50 where the text has 13: what comes next in the text is offered, and goes on from there."""
    text = tuple(range(10, 30))
    source = Blend(BlendState())
    source.start(Request((*text, 7), 20, references=(Reference(text, prompt_start=0),)))
    source.observe(commit(10, 11, 12, 50))
    assert any(draft.tokens[:3] == (14, 15, 16) for draft in proposed(source, [10, 11, 12, 50], 32))


def test_what_was_written_in_a_pause_can_be_copied_afterwards() -> None:
    state = BlendState()
    source = Blend(state)
    source.start(Request((1, 2, 3), 99, task="answer"))
    proposed(source, [], 8)
    before = state.weights("answer").squares_F.copy()
    output = [11, 12, 13, 14, 15, 11, 12, 13, 14, 15, 11, 12]
    source.observe(commit(*output))
    assert best(proposed(source, output, 8)).tokens[:4] == (13, 14, 15, 11)
    paused = state.weights("answer").squares_F - before
    whole = BlendState()
    alone = Blend(whole)
    alone.start(Request((1, 2, 3), 99, task="answer"))
    for done, token in enumerate(output, start=1):
        alone.observe(commit(token))
        proposed(alone, output[:done], 8)
    learned = whole.weights("answer").squares_F - before
    assert 0 < paused.sum() < learned.sum()  # It learns from the last of them only.


def test_kin_tokens_match_each_other() -> None:
    canonical_V = np.arange(60, dtype=np.int32)
    canonical_V[41] = 40
    source = Blend(BlendState(canonical_V=canonical_V))
    source.start(Request((5, 41, 7, 8, 9, 1, 40), 20))
    assert best(proposed(source, [], 8)).tokens[:2] == (7, 8)


def test_it_learns_whom_to_trust() -> None:
    """Copies that are always rejected lose their chances."""
    state = BlendState()
    request = Request((1, 2, 3, 1, 2, 3, 1), 500, task="answer")
    source = Blend(state)
    source.start(request)
    before = best(proposed(source, [], 8)).probabilities[0]
    source.observe(commit(*range(10, 200)))
    for at in range(60):
        source.observe(commit(1, 300 + at))
    source.finish()
    again = Blend(state)
    again.start(request)
    assert best(proposed(again, [], 8)).probabilities[0] < 0.7 * before
    other = Blend(state)
    other.start(Request(request.prompt, 500, task="summary"))
    assert best(proposed(other, [], 8)).probabilities[0] == before


def test_earlier_outputs_are_drafted_in_their_scope_only() -> None:
    shared = Shared()
    written(shared.blend, (1, 2), (30, 31, 32, 33), scope="ann")

    def drafted(scope: str | None) -> set[int]:
        source = Blend(shared.blend)
        source.start(Request((1, 30), 9, scope=scope))
        return {token for draft in proposed(source, [], 16) for token in draft.tokens}

    assert {31, 32, 33} <= drafted("ann")
    assert not {31, 32, 33} & drafted("ben")
    assert not {31, 32, 33} & drafted(None)
    shared.forget("ann")
    assert not {31, 32, 33} & drafted("ann")


def test_nothing_is_kept_without_a_scope() -> None:
    state = BlendState()
    written(state, (1, 2), (30, 31, 32))
    assert state.history.text(None).size == 0


def test_history_is_bounded_and_the_oldest_go_first() -> None:
    history = History(most_tokens=100)
    for first in range(0, 400, 10):
        history.add("ann", range(first, first + 10))
        assert history.text("ann").size <= 100
    ids = history.text("ann").arrays.ids_T[: history.text("ann").size].tolist()
    assert 399 in ids
    assert 0 not in ids


def test_phrases_fill_up_from_the_shorter_context() -> None:
    keys = np.r_[context_key(np.array([3]), np.array([4])), 5, 5, 0]
    phrases = phrases_of(keys, np.array([7, 8, 9, 6], np.int32), np.array([8.0, 6.0, 2.0, 9.0]))
    source = Blend(BlendState(phrases=phrases))
    source.start(Request((3, 4), 9))
    drafts = proposed(source, [], 16)
    chances = {draft.tokens[0]: draft.probabilities[0] for draft in drafts}
    assert chances[7] > chances[8] > chances[9] > 0
    assert all(names == ("phrases",) for draft in drafts for names in draft.contributors[:1])


def test_what_was_learned_comes_back() -> None:
    state = BlendState()
    written(state, (1, 2, 3, 1, 2), (3, 1, 2, 3), task="answer")
    again = BlendState()
    again.restore(state.state())
    np.testing.assert_allclose(again.weights("answer").weights_F, state.weights("answer").weights_F, atol=1e-4)
    with pytest.raises(ValueError):
        again.restore({"answer": [[1.0], [1.0]]})


def test_drafts_do_not_pay_below_the_least_chance() -> None:
    source = Blend(BlendState())
    source.start(Request(tuple(range(9)) * 3, 99))
    wide = proposed(source, [], 32)
    for draft in (narrow := proposed(source, [], 32, least_chance=0.2)):
        assert np.prod(draft.probabilities) >= 0.2
    assert len(narrow) <= len(wide)


_TWICE = """
import random
from decoding.interfaces import NO_ORIGIN, Commit, Request
from decoding.sources.base import DraftContext
from decoding.sources.blend.blend import Blend
from decoding.sources.blend.blend_state import BlendState
from decoding.tree import TokenTree
rng, state = random.Random(3), BlendState()
for _ in range(3):
    source = Blend(state)
    source.start(Request(tuple(rng.choices(range(30), k=120)), 99, scope="ann"))
    for _ in range(4):
        draft = source.propose(DraftContext([], TokenTree.of(0), 12))
        print(draft.tokens, draft.parents, [f"{each:.9f}" for each in draft.probabilities], draft.contributors)
        source.observe(Commit(tokens := tuple(rng.choices(range(30), k=3)), ((),) * 3, (NO_ORIGIN,) * 3))
    source.finish()
"""


def test_plain_python_drafts_what_compiled_code_drafts() -> None:
    def printed(plain: str) -> str:
        environment = {**os.environ, PLAIN: plain, "PYTHONPATH": os.getcwd()}
        command = [sys.executable, "-W", "error", "-c", _TWICE]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert printed("1") == printed("") != ""
