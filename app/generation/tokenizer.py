"""Text to token ids and back, for one target: plain text can never become a control token.

The only module that touches a tokenizer's encoding. Knows no template and no prompt. Offsets are Unicode code
points in the encoded text, half-open; the ends of a token are those of the characters it shares.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import ModelError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # Not encodable as UTF-8, and so not by any tokenizer.


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of a text, and for each token the characters ``[starts[i], ends[i])`` it stands for."""

    ids: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> range:
        """Indices of the tokens that stand for at least one character of ``[start, end)``."""
        inside = [i for i in range(len(self.ids)) if self.starts[i] < end and self.ends[i] > start]
        return range(inside[0], inside[-1] + 1) if inside else range(0)


class TextTokenizer:
    """A Hugging Face tokenizer as this floor uses it. Safe to use from several threads: nothing in it changes.

    Raises ModelError for a tokenizer without offsets (one that is not backed by the tokenizers library).
    """

    def __init__(self, tokenizer: Any) -> None:
        from tokenizers import Tokenizer

        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise ModelError(
                f"the tokenizer {type(tokenizer).__name__} does not tell where its tokens stand in the text",
                hint="choose a model that has a tokenizer.json file",
            )
        # Copies: padding and truncation set by others must not reach us, and no setting changes while in use.
        self._trusted = _bare_copy(backend)
        self._plain = _bare_copy(backend)
        self._plain.encode_special_tokens = True
        added = self._plain.get_added_tokens_decoder()
        self._control = frozenset(i for i, token in added.items() if len(token.content.strip()) > 1)
        self._special = frozenset(i for i, token in added.items() if token.special)
        self.vocabulary = self._plain.get_vocab_size(with_added_tokens=True)
        self.fingerprint = hashlib.sha256(self._plain.to_str().encode()).hexdigest()[:16]
        self.hf = tokenizer

    def has_vocabulary_of(self, other: TextTokenizer) -> bool:
        """Whether both give every token the same id."""
        mine, theirs = (one._plain.get_vocab(with_added_tokens=True) for one in (self, other))
        return bool(mine == theirs)

    @property
    def begin_ids(self) -> tuple[int, ...]:
        """What the tokenizer puts before a text by itself: a begin-of-text token or nothing."""
        begin = self.hf.bos_token_id
        return (begin,) if begin is not None and list(self.hf("").input_ids[:1]) == [begin] else ()

    def is_control(self, token: int) -> bool:
        """Whether it is a token that no plain text has."""
        return token in self._control

    def trusted(self, text: str) -> tuple[int, ...]:
        """Ids of a template's own text; control tokens written in it are recognised."""
        return tuple(self._trusted.encode(text, add_special_tokens=False).ids)

    def plain(self, text: str) -> Encoded:
        """Ids of anybody's text. ``<|eos|>`` in it is five characters or more, never the token."""
        ids: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        pending = [(0, _LONE_SURROGATE.sub("\ufffd", text))]
        while pending:
            base, piece = pending.pop()
            found = self._plain.encode(piece, add_special_tokens=False)
            cut = self._first_control(found.ids, found.offsets)
            if cut is not None:
                # Tokens that are added but not special, such as <think>: break them apart and try again.
                pending += [(base + cut, piece[cut:]), (base, piece[:cut])]
                continue
            ids += found.ids
            starts += [base + start for start, _ in found.offsets]
            ends += [base + end for _, end in found.offsets]
        return Encoded(tuple(ids), tuple(starts), tuple(ends))

    def continued(self, before: str, text: str) -> Encoded:
        """Ids of ``text`` in the form it has behind ``before`` (a tokenizer may treat a text's beginning apart)."""
        whole = self.plain(before + text)
        first = next((i for i, start in enumerate(whole.starts) if start >= len(before)), len(whole.ids))
        shift = len(before)
        return Encoded(
            whole.ids[first:],
            tuple(start - shift for start in whole.starts[first:]),
            tuple(end - shift for end in whole.ends[first:]),
        )

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ``ids`` without special tokens; ids that the tokenizer does not know are left out."""
        text = self._plain.decode([i for i in ids if i not in self._special], skip_special_tokens=True)
        assert isinstance(text, str)
        return text

    def _first_control(self, ids: Sequence[int], offsets: Sequence[tuple[int, int]]) -> int | None:
        for token, (start, end) in zip(ids, offsets, strict=True):
            if token in self._control and end - start > 1:
                return start + 1
        return None


def _bare_copy(backend: Any) -> Any:
    from tokenizers import Tokenizer

    copy = Tokenizer.from_str(backend.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy
