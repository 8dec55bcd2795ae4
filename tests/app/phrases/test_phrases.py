"""The table of phrases in the tokens of a tokenizer, and which tokens are kin."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer

from app.bench.workload.traces import BUNDLED_TOKENIZER
from app.phrases.table import canonical_ids, phrases
from decoding.interfaces import Request
from decoding.sources.blend.blend import Blend
from decoding.sources.blend.blend_state import BlendState
from tests.support.drafts import proposed


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(BUNDLED_TOKENIZER))


def test_prose_goes_on_as_prose(tokenizer: Tokenizer) -> None:
    source = Blend(BlendState(phrases=phrases(tokenizer)))
    source.start(Request(tuple(tokenizer.encode("It was one of", add_special_tokens=False).ids), 9))
    best = max(proposed(source, [], 16), key=lambda draft: draft.probabilities[0])
    assert tokenizer.decode(list(best.tokens)).split()[0] == "the"


def test_kin_differ_in_case_and_leading_space_only(tokenizer: Tokenizer) -> None:
    canonical_V = canonical_ids(tokenizer)
    assert canonical_V.size == tokenizer.get_vocab_size()
    assert all(canonical_V[kin] == kin for kin in set(canonical_V.tolist()))
    the, space_the, other = (
        tokenizer.encode(text, add_special_tokens=False).ids[-1] for text in ("The", "of the", "of a")
    )
    assert canonical_V[the] == canonical_V[space_the] != canonical_V[other]
