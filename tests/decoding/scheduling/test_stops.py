"""Row 5 of the promise: an answer stops where plain decoding stops, however much was drafted beyond that place.

The model is made to write any ids (`Written`), oracle drafts run past every stop, and ids, reason, text and usage
are compared with plain decoding by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.generation.detokenizer import TextStream, stop_factory
from app.generation.tokenizer import TextTokenizer
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.engine import Engine
from decoding.interfaces import FinishReason, Request
from decoding.target.loading import target_of
from decoding.target.target import Target
from tests.support.fakes import Oracle, tiny_model
from tests.support.tiny import small_tokenizer
from tests.support.trials import Outcome, together

PROMPT = (5, 6, 7, 8)
LONGEST = 14
SLOW = settings(max_examples=2000, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
QUICK = settings(SLOW, max_examples=60)


@dataclass(frozen=True, slots=True)
class Written:
    """Makes the target write ``tokens``: far the best logit at each place. The state is the place."""

    tokens: tuple[int, ...]

    def start(self) -> int:
        return 0

    def advance(self, state: object, token: int) -> int:
        assert isinstance(state, int)
        return state + 1

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        assert isinstance(state, int)
        logits_V[self.tokens[state % len(self.tokens)]] += 1e6


@dataclass(frozen=True, slots=True)
class Ending:
    """One case: what the target would write for ever, and what may end it.

    ``stops`` are runs of ids that end the answer when they are complete, as stop strings do.
    """

    written: tuple[int, ...]
    ends: frozenset[int]
    stops: tuple[tuple[int, ...], ...]
    limit: int
    drafted: int

    def stop(self) -> Callable[[int], bool]:
        seen: list[int] = []

        def completes(token: int) -> bool:
            seen.append(token)
            return any(tuple(seen[-len(stop) :]) == stop for stop in self.stops)

        return completes

    @property
    def request(self) -> Request:
        return Request(
            PROMPT,
            self.limit,
            eos_ids=self.ends,
            stop=self.stop if self.stops else None,
            processors=(Written(self.written),),
        )

    def by_definition(self) -> Outcome:
        """The shortest beginning of what would be written that anything ends; end tokens come before stops."""
        for size in range(1, self.limit + 1):
            output = tuple(self.written[at % len(self.written)] for at in range(size))
            if output[-1] in self.ends:
                return Outcome(output, FinishReason.EOS)
            if any(output[-len(stop) :] == stop for stop in self.stops):
                return Outcome(output, FinishReason.STOP)
        return Outcome(output, FinishReason.LENGTH)


FEW = st.integers(2, 6)
ENDINGS = st.builds(
    Ending,
    written=st.lists(FEW, min_size=1, max_size=LONGEST).map(tuple),
    ends=st.frozensets(FEW, max_size=2),
    stops=st.lists(st.lists(FEW, min_size=1, max_size=4).map(tuple), max_size=3).map(tuple),
    limit=st.integers(1, LONGEST),
    drafted=st.integers(1, 16),
)


def check_ending(target: Target, ending: Ending) -> None:
    """A session alone, and in the middle of three others that end elsewhere."""
    engine = engine_of(target, ending.written, ending.drafted)
    others = [Request(PROMPT[:2], limit, processors=(Written(ending.written),)) for limit in (1, 5, 9)]
    for requests in ([ending.request], [others[0], ending.request, *others[1:]]):
        for (session, outcome), request in zip(together(engine, requests), requests, strict=True):
            expected = replace(ending, ends=frozenset(), stops=(), limit=request.max_new_tokens)
            expected = expected if request in others else ending
            assert outcome == expected.by_definition()
            assert session.stats.tokens == len(outcome.tokens) <= request.max_new_tokens
            assert session.stats.accepted <= len(outcome.tokens)


def engine_of(target: Target, written: Sequence[int], drafted: int) -> Engine:
    """Its sources know what is written for ever after, beyond any stop, and draft a wrong sibling at each place."""
    endless = [*written] * (3 * LONGEST)
    return Engine(
        target,
        sources=lambda: [Oracle(endless, length=drafted, branches=1, vocab_size=target.vocab_size)],
        budget=Budget(limit=64),
        calibration=Calibration(frozen=True),
    )


@QUICK
@given(ending=ENDINGS)
def test_ends_are_exact(llama: Target, ending: Ending) -> None:
    check_ending(llama, ending)


@pytest.mark.exact
@SLOW
@given(ending=ENDINGS)
def test_ends_are_exact_in_two_thousand_cases(llama: Target, ending: Ending) -> None:
    check_ending(llama, ending)


@pytest.mark.parametrize("drafted", [1, 4, 9])
def test_every_limit_inside_and_behind_a_block_is_exact(llama: Target, drafted: int) -> None:
    for limit in range(1, drafted + 3):
        check_ending(llama, Ending((2, 3, 4, 5, 6), frozenset(), (), limit, drafted))


@pytest.fixture(scope="module")
def tokens() -> TextTokenizer:
    return TextTokenizer(small_tokenizer())


@pytest.fixture(scope="module")
def speller(tokens: TextTokenizer) -> Target:
    """A target with a byte-level vocabulary: most letters beyond ASCII take several tokens."""
    return target_of(tiny_model("llama", vocab_size=len(tokens.hf)).double(), name="speller")


# Letters of one, two, three and four bytes; é and è, 漢 and 漣 begin with the same bytes.
LETTERS = st.text("ab \néè漢漣🙂", min_size=1, max_size=8)


def check_text(target: Target, tokens: TextTokenizer, text: str, stops: Sequence[str], limit: int) -> None:
    ids = [*tokens.plain(text).ids]
    request = Request(PROMPT, limit, processors=(Written(tuple(ids)),), stop=stop_factory(tokens, stops))
    ((session, outcome),) = together(engine_of(target, ids, 12), [request])
    expected, shown = text_by_definition(tokens, ids, stops, limit)
    assert outcome == expected
    assert session.stats.tokens == len(outcome.tokens)
    stream = TextStream(tokens, stops)
    assert "".join([*(stream.push(token) for token in outcome.tokens), stream.finish()]) == shown.lstrip()


def text_by_definition(
    tokens: TextTokenizer, ids: Sequence[int], stops: Sequence[str], limit: int
) -> tuple[Outcome, str]:
    """The fewest tokens whose whole characters hold a stop string, and the text before the first to be complete."""
    for size in range(1, limit + 1):
        output = tuple(ids[at % len(ids)] for at in range(size))
        text = tokens.decode(output)
        whole = text.rstrip("\ufffd")
        ends = [(whole.index(stop) + len(stop), -len(stop)) for stop in stops if stop in whole]
        if ends:
            end, negative = min(ends)
            return Outcome(output, FinishReason.STOP), whole[: end + negative]
    return Outcome(output, FinishReason.LENGTH), text


STOPS = st.lists(st.text("ab \néè漢漣🙂", min_size=1, max_size=3), min_size=1, max_size=3)


@QUICK
@given(text=LETTERS, stops=STOPS, limit=st.integers(1, 30))
def test_stop_strings_are_exact(
    speller: Target, tokens: TextTokenizer, text: str, stops: list[str], limit: int
) -> None:
    check_text(speller, tokens, text, stops, limit)


@pytest.mark.exact
@SLOW
@given(text=LETTERS, stops=STOPS, limit=st.integers(1, 30))
def test_stop_strings_are_exact_in_two_thousand_cases(
    speller: Target, tokens: TextTokenizer, text: str, stops: list[str], limit: int
) -> None:
    check_text(speller, tokens, text, stops, limit)


def test_a_stop_inside_a_split_letter_and_at_the_last_allowed_token(speller: Target, tokens: TextTokenizer) -> None:
    assert len(tokens.plain("🙂").ids) > 2
    for limit in range(1, 12):
        check_text(speller, tokens, "ab🙂é", ["🙂"], limit)
        check_text(speller, tokens, "ab🙂é", ["b🙂é", "é"], limit)
