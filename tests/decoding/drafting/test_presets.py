"""Published methods: each rule against a slow second implementation, and the output of each against plain decoding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.presets import PRESETS, Preset, preset
from decoding.engine import Engine
from decoding.errors import InvalidRequest
from decoding.interfaces import Commit, Reference, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.sources.published.llma import Llma
from decoding.sources.published.pia import Pia, Trie
from decoding.sources.published.prompt_lookup import PromptLookup
from decoding.sources.published.rest import Rest
from decoding.sources.published.sad import AggressiveDecoding
from decoding.sources.published.sam import Sam, SuffixAutomaton
from decoding.sources.published.suffix import Outputs, SuffixDecoding
from decoding.sources.suffix_array import build_index
from decoding.sources.table import SOURCES, make_sources
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.tree import DraftTree
from decoding.verification.acceptance import make_criterion
from tests.support.drafters import all_drafters
from tests.support.drafts import proposed
from tests.support.fakes import tiny_model

IDS = st.integers(1, 4)
TEXT = st.lists(IDS, min_size=1, max_size=30).map(tuple)
FREE = [name for name, one in PRESETS.items() if not one.needs_model and one.sources]


def request(prompt: Sequence[int], **more: object) -> Request:
    return Request(tuple(prompt), 99, **more)  # type: ignore[arg-type]


def paths(drafts: Sequence[DraftTree]) -> set[tuple[int, ...]]:
    return {draft.tokens[:depth] for draft in drafts for depth in range(1, len(draft.tokens) + 1)}


def wrote(source: DraftSource, tokens: Sequence[int]) -> None:
    source.observe(Commit(tuple(tokens), ((),) * len(tokens), ()))


def follows(text: Sequence[int], run: Sequence[int]) -> list[int]:
    """Every place right behind ``run``."""
    return [at + len(run) for at in range(len(text) - len(run) + 1) if tuple(text[at : at + len(run)]) == tuple(run)]


def test_every_preset_names_what_exists() -> None:
    for name, one in PRESETS.items():
        assert one.name == name and one.rule and one.paper
        assert set(one.sources) <= set(SOURCES)
        assert make_criterion(one.criterion).name == one.criterion
        assert make_criterion(one.criterion).lossless
    assert [name for name, one in PRESETS.items() if one.calibrated] == ["spandraft"]
    with pytest.raises(InvalidRequest, match="magic"):
        preset("magic")


@pytest.mark.parametrize("name", FREE)
@given(prompt=TEXT, output=st.lists(IDS, max_size=12), reference=TEXT, limit=st.integers(1, 16))
@settings(max_examples=40, deadline=None)
def test_what_is_drafted_fits_the_limit(
    name: str, prompt: tuple[int, ...], output: list[int], reference: tuple[int, ...], limit: int
) -> None:
    references = (Reference(reference, cursor=True), Reference(prompt, prompt_start=0))
    for source in make_sources(PRESETS[name].sources):
        source.start(request(prompt, references=references, eos_ids=frozenset({0}), corpus=build_index([reference])))
        wrote(source, output)
        drafts = proposed(source, output, limit)
        assert len(paths(drafts)) <= limit
        for draft in drafts:
            assert draft.tokens
            assert len(draft.tokens) == len(draft.probabilities) == len(draft.origins)
            assert all(0 < chance <= 1 for chance in draft.probabilities)
        source.finish()


@given(st.lists(TEXT, min_size=1, max_size=3), st.lists(IDS, min_size=1, max_size=8))
def test_llma_takes_the_first_place_of_the_longest_n_gram_of_the_documents(
    documents: list[tuple[int, ...]], output: list[int]
) -> None:
    source = Llma(max_ngram=3, num_tokens=4)
    source.start(request((7, 8), references=tuple(Reference(ids) for ids in documents)))
    expected: tuple[int, ...] = ()
    for size in range(min(3, len(output)), 0, -1):
        places = [ids[end : end + 4] for ids in documents for end in follows(ids, output[-size:])]
        if places:
            expected = places[0]
            break
    assert [draft.tokens for draft in proposed(source, output, 99)] == ([expected] if expected else [])
    assert proposed(source, [], 99) == []


@given(TEXT, st.lists(IDS, max_size=8), st.integers(1, 6))
def test_prompt_lookup_takes_the_first_place_of_the_longer_n_gram(
    prompt: tuple[int, ...], output: list[int], limit: int
) -> None:
    source = PromptLookup()
    source.start(request(prompt, eos_ids=frozenset({4})))
    text = [*prompt, *output]
    expected: tuple[int, ...] = ()
    for size in (2, 1):
        behind = [place for place in follows(text, text[-size:]) if place < len(text)] if len(text) > size else []
        if behind:
            found = text[behind[0] : behind[0] + 10]
            expected = tuple(found[: found.index(4)] if 4 in found else found)[:limit]
            break
    assert [draft.tokens for draft in proposed(source, output, limit)] == ([expected] if expected else [])


def test_aggressive_decoding_waits_for_a_unique_n_gram() -> None:
    source = AggressiveDecoding()
    source.start(request((9,), references=(Reference((1, 2, 3, 1, 2, 4, 5), cursor=True),), eos_ids=frozenset({0})))
    assert proposed(source, [], 99)[0].tokens == (1, 2, 3, 1, 2, 4, 5, 0)
    assert proposed(source, [1, 2, 8], 99) == []  # 8 stands nowhere in the text.
    assert proposed(source, [1, 2, 8, 2], 99) == []  # 2 stands there twice, 8 2 not at all.
    assert proposed(source, [1, 2, 8, 2, 4], 99)[0].tokens == (5, 0)
    source.start(request((9,), references=(Reference((1, 2, 3, 1, 2, 4, 5), cursor=True),)))
    assert proposed(source, [], 2)[0].tokens == (1, 2)
    # Cut by the budget, not mistaken: copying goes on although 1 2 stands there twice.
    assert proposed(source, [1, 2], 2)[0].tokens == (3, 1)
    assert proposed(source, [1, 2, 3], 2)[0].tokens == (1, 2)


def test_aggressive_decoding_needs_a_text_to_correct() -> None:
    source = AggressiveDecoding()
    source.start(request((1, 2, 1), references=(Reference((1, 2)),)))
    assert proposed(source, [], 9) == [] and proposed(source, [1], 9) == []


@given(st.lists(TEXT, min_size=1, max_size=4), TEXT, st.integers(1, 12))
def test_rest_keeps_the_most_frequent_prefixes_behind_the_longest_span(
    passages: list[tuple[int, ...]], prompt: tuple[int, ...], limit: int
) -> None:
    source = Rest(longest=4, shortest=2, num_tokens=3)
    source.start(request(prompt, corpus=build_index(passages)))
    counts: Counter[tuple[int, ...]] = Counter()
    for size in range(min(4, len(prompt)), 1, -1):
        found = [ids[end : end + 3] for ids in passages for end in follows(ids, prompt[-size:])]
        if any(found):
            counts = Counter(ids[:depth] for ids in found for depth in range(1, len(ids) + 1))
            break
    drafted = paths(proposed(source, [], limit))
    assert len(drafted) == min(limit, len(counts))
    kept = sorted(counts[path] for path in drafted)
    assert kept == sorted(counts.values())[-len(kept) :] if kept else not counts


def pia(tries: dict[str, Trie], prompt: Sequence[int], **more: object) -> Pia:
    source = Pia(tries, **more)  # type: ignore[arg-type]
    source.start(request(prompt, scope="me"))
    return source


def test_pia_prefers_the_prompt_and_keeps_half_of_the_room_for_outputs() -> None:
    tries: dict[str, Trie] = {}
    earlier = pia(tries, (9,))
    wrote(earlier, [1, 5, 6, 7])
    earlier.finish()
    source = pia(tries, (1, 2, 3, 4, 1), branch=3)
    assert paths(proposed(source, [], 4)) == {(2,), (2, 3), (5,), (5, 6)}
    best = max(proposed(source, [], 4), key=lambda draft: draft.probabilities[0])
    assert best.tokens == (2, 3) and best.probabilities[0] > 0.99


def test_pia_keeps_outputs_to_their_scope() -> None:
    tries: dict[str, Trie] = {}
    earlier = pia(tries, (9,))
    wrote(earlier, [1, 5, 6])
    earlier.finish()
    stranger, nobody = Pia(tries), Pia(tries)
    stranger.start(request((1,), scope="you"))
    nobody.start(request((1,)))
    assert proposed(stranger, [], 9) == proposed(nobody, [], 9) == []
    wrote(nobody, [1, 5, 6])
    nobody.finish()
    assert set(tries) == {"me", "you"} and not tries["you"].roots


def test_pia_never_starts_with_a_stop_word_alone() -> None:
    tries: dict[str, Trie] = {}
    assert proposed(pia(tries, (1, 2, 3, 2)), [], 9)
    assert proposed(pia(tries, (1, 2, 3, 2), stop_words=frozenset({2})), [], 9) == []


def test_a_full_trie_forgets_what_is_rare() -> None:
    trie = Trie(most=4)
    for _ in range(4):
        trie.insert([1, 2, 3])
    trie.insert([1, 5, 6, 7])
    assert trie.find([1, 5]) is None
    kept = trie.find([1, 2, 3])
    assert kept is not None and kept.count == 2


@given(TEXT)
def test_the_automaton_finds_the_longest_end_that_stood_before(text: tuple[int, ...]) -> None:
    automaton = SuffixAutomaton()
    for end in range(1, len(text) + 1):
        automaton.extend(text[end - 1 : end])
        known = text[: end - 1]
        longest = next((size for size in range(end, 0, -1) if follows(known, text[end - size : end])), 0)
        assert automaton.match_length == longest
        if longest:
            assert automaton.match_end == follows(known, text[end - longest : end])[0] - 1


class Always(DraftSource):
    """An auxiliary drafter that always drafts the same token."""

    name = "always"

    def propose(self, context: DraftContext) -> DraftTree:
        return DraftTree.chain((42,), 0.5)


def test_sam_copies_as_long_as_the_match_allows_or_asks_the_other_drafter() -> None:
    prompt = tuple(range(1, 31))
    alone, helped = Sam(), Sam(Always())
    for source in (alone, helped):
        source.start(request(prompt))
    assert proposed(alone, [3], 99)[0].tokens == (4, 5, 6, 7, 8)  # 1 + 4 * 1
    assert proposed(helped, [3], 99)[0].tokens == (42,)
    assert proposed(alone, [3, 4], 99)[0].tokens == tuple(range(5, 14))
    longer = [3, 4, 5, 6, 7]
    assert proposed(helped, longer, 99)[0].tokens == tuple(range(8, 29))
    assert proposed(alone, [3, 4, 50], 99) == []


def slow_suffix(text: Sequence[int], context: Sequence[int], factor: float, limit: int) -> float:
    """The best score over all lengths of match, from counts of substrings."""
    best = 0.0
    for size in range(1, len(context) + 1):
        run = tuple(context[-size:])
        room = min(int(factor * size), limit)
        opened: list[tuple[float, tuple[int, ...]]] = [(1.0, run)]
        score, taken = -1.0, -1
        while opened and taken < room:
            opened.sort(key=lambda one: -one[0])
            chance, path = opened.pop(0)
            score, taken = score + chance, taken + 1
            count = len(follows(text, path))
            for token in sorted(set(text)):
                share = len(follows(text, (*path, token))) / count if count else 0.0
                if chance * share >= 0.1:
                    opened.append((chance * share, (*path, token)))
        best = max(best, score)
    return best


@given(st.lists(st.integers(1, 3), min_size=1, max_size=14), st.sampled_from([1.0, 2.0, 4.0]), st.integers(1, 8))
@settings(deadline=None)
def test_suffix_decoding_drafts_the_tree_that_promises_most(text: list[int], factor: float, limit: int) -> None:
    source = SuffixDecoding({}, factor=factor)
    source.start(request(text))
    score = 0.0
    seen: set[tuple[int, ...]] = set()
    for draft in proposed(source, [], limit):
        chance = 1.0
        for depth, share in enumerate(draft.probabilities, start=1):
            chance *= share
            if draft.tokens[:depth] not in seen:
                seen.add(draft.tokens[:depth])
                score += chance
    assert score == pytest.approx(slow_suffix(text, text, factor, limit))


def test_suffix_decoding_remembers_outputs_and_forgets_the_oldest() -> None:
    outputs = {"me": Outputs(most=8)}
    for written in ([1, 2, 3, 4], [5, 6, 7, 8]):
        source = SuffixDecoding(outputs)
        source.start(request((9,), scope="me"))
        wrote(source, written)
        source.finish()
    source = SuffixDecoding(outputs)
    source.start(request((9,), scope="me"))
    wrote(source, [5])
    assert proposed(source, [5], 9)[0].tokens == (6, 7, 8)
    wrote(source, [1])
    assert proposed(source, [5, 1], 9) == []


@pytest.fixture(scope="module")
def target() -> Target:
    return target_of(tiny_model("llama").double())


def written_by(one: Preset, target: Target) -> tuple[list[int], int]:
    shared = all_drafters(target, target_of(tiny_model("llama", seed=1).double()))
    engine = Engine(
        target,
        sources=one.sources,
        budget=Budget(limit=min(one.limit, 40)),
        calibration=Calibration(frozen=not one.calibrated),
        shared=shared,
    )
    prompt = tuple(range(2, 22)) * 2
    asked = Request(
        prompt,
        40,
        references=(Reference(prompt[:20], cursor=True),),
        criterion=make_criterion(one.criterion),
        scope="me",
        corpus=build_index([prompt]),
    )
    sessions = [engine.generate(asked) for _ in range(2)]  # The second one knows the first one's output.
    assert not sessions[1].drafter.failed
    assert sessions[0].tokens == sessions[1].tokens
    return sessions[1].tokens, sessions[1].stats.drafted


@pytest.mark.parametrize("name", list(PRESETS))
def test_the_output_is_that_of_plain_decoding(name: str, target: Target) -> None:
    plain, nothing = written_by(PRESETS["autoregressive"], target)
    tokens, drafted = written_by(PRESETS[name], target)
    assert tokens == plain
    assert nothing == 0
    assert (drafted > 0) == bool(PRESETS[name].sources)
