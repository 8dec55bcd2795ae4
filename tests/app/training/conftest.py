"""What the tests of training share."""

from __future__ import annotations

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from app.training.data import tokenizer


@pytest.fixture
def bpe() -> Tokenizer:
    """A tokenizer of specials and single bytes: " [1]" is four tokens here, three in the bundled one."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {s: i for i, s in enumerate([*tokenizer.SPECIALS, *letters])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in tokenizer.SPECIALS])
    return made
