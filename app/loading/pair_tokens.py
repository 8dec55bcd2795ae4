"""How a question and a unit are written as one row of pieces: ``[CLS] question [SEP] leads : unit [SEP]``.

The same in training and in serving. What is too long loses the end of the question, the outermost leads, the end of
the unit. N pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

LONGEST: Final = 96
_QUESTION, _LEADS = 40, 24
_CLASS, _BETWEEN = 101, 102
_COLON: Final = 1024
"""Pieces of ``[CLS]``, ``[SEP]`` and ``:`` in BERT's vocabulary."""


def pair_tokenizer(folder: Path) -> Tokenizer:
    """The encoder's, that neither shortens nor pads. Raises OSError, ValueError."""
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # The library raises nothing more exact.
        raise ValueError(f"{folder / 'tokenizer.json'} is no tokenizer") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def pair_tokens(
    tokenizer: Tokenizer, question: str, units: Sequence[tuple[str, str]]
) -> list[tuple[list[int], list[int]]]:
    """For each unit, a lead and a text, at most ``LONGEST`` pieces (N,) and their token types, 0 or 1 (N,)."""
    texts = [question, *(part for lead, text in units for part in (lead.replace("\n", " : "), text))]
    encoded = [one.ids for one in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    asked = [_CLASS, *encoded[0][:_QUESTION], _BETWEEN]
    rows = []
    for lead, text in zip(encoded[1::2], encoded[2::2], strict=True):
        unit = [*lead[-_LEADS:], _COLON, *text] if lead else text
        unit = [*unit[: LONGEST - len(asked) - 1], _BETWEEN]
        rows.append(([*asked, *unit], [0] * len(asked) + [1] * len(unit)))
    return rows
