"""A worker's answer is believed only as far as it can be checked; a worker that was taken over cannot harm us."""

from __future__ import annotations

import json
import random
import resource
import struct
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import errors
from corpora.documents import Document, Mark
from corpora.loaders.isolation.wire_format import (
    InvalidAnswer,
    decode_document,
    decode_members,
    encode_document,
    encode_end,
    encode_error,
    encode_member,
)
from corpora.loaders.registry import Limits
from corpora.loaders.sandboxed_loader import run_loader

KINDS = ["page", "slide", "sheet", "chapter", "heading", "row", "record"]
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e18, 1e18)
DOCUMENT = Document.of("a.txt", "Words.", {"title": "T", "pages": 3}, [Mark(0, 6, "page", "1"), Mark(2, 3, "row", "x")])


def frame(kind: bytes, head: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<cLQ", kind, len(head), len(body)) + head + body


def marked(*marks: bytes, count: int | None = None) -> bytes:
    """An answer of six characters with marks as they are packed."""
    head = struct.pack("<L", len(marks) if count is None else count)
    return frame(b"T", b"{}", b"Words.") + frame(b"M", head, b"".join(marks)) + encode_end()


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    metadata=st.dictionaries(st.text(st.characters(categories=["L"])), VALUES),
    marks=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(KINDS), st.text())),
)
def test_an_honest_answer_arrives_as_it_was(text: str, metadata: dict[str, str], marks: list[tuple]) -> None:
    size = len(text)
    placed = [
        Mark(min(a % (size + 1), b % (size + 1)), max(a % (size + 1), b % (size + 1)), kind, _plain(label))
        for a, b, kind, label in marks
    ]
    document = Document.of("a.txt", text, metadata, placed)
    assert decode_document(encode_document(document), "a.txt") == document


def _plain(label: str) -> str:
    return " ".join("".join(ch for ch in label if ch.isprintable()).split())[:100]


def test_an_error_arrives_as_it_was() -> None:
    for cls in errors.LoaderError.__subclasses__():
        with pytest.raises(cls) as caught:
            decode_document(encode_error(cls("cause", hint="hint")), "a.txt")
        assert (type(caught.value), caught.value.cause, caught.value.hint) == (cls, "cause", "hint")
    answer = encode_member("a", b"bytes") + encode_member("b", errors.TooLarge("c", hint="h")) + encode_end()
    (first, data), (second, error) = decode_members(answer)
    assert (first, data, second, type(error)) == ("a", b"bytes", "b", errors.TooLarge)


NONSENSE = {
    "nothing": b"",
    "no end": frame(b"T", b"{}", b"Words."),
    "end twice": frame(b"T", b"{}", b"Words.") + encode_end() * 2,
    "only an end": encode_end(),
    "unknown part": frame(b"X", b"{}") + encode_end(),
    "a member": encode_member("a", b"x") + encode_end(),
    "text twice": frame(b"T", b"{}", b"a") * 2 + encode_end(),
    "blank text": frame(b"T", b"{}", b" \n") + encode_end(),
    "no UTF-8": frame(b"T", b"{}", b"\xff\xfe") + encode_end(),
    "half a character": frame(b"T", b"{}", b"\xed\xa0\x80") + encode_end(),
    "longer than the whole": struct.pack("<cLQ", b"T", 2, 2**63) + b"{}" + encode_end(),
    "huge head": struct.pack("<cLQ", b"T", 2**32 - 1, 0) + encode_end(),
    "no JSON": frame(b"T", b"{", b"a") + encode_end(),
    "deep JSON": frame(b"T", b"[" * 10**6, b"a") + encode_end(),
    "list": frame(b"T", b"[]", b"a") + encode_end(),
    "NaN": frame(b"T", b'{"a": NaN}', b"a") + encode_end(),
    "infinity": frame(b"T", b'{"a": -Infinity}', b"a") + encode_end(),
    "large float": frame(b"T", b'{"a": 1e999}', b"a") + encode_end(),
    "large number": frame(b"T", b'{"a": 9223372036854775808}', b"a") + encode_end(),
    "endless number": frame(b"T", b'{"a": ' + b"9" * 10**6 + b"}", b"a") + encode_end(),
    "object inside": frame(b"T", b'{"a": {"lc": 1}}', b"a") + encode_end(),
    "surrogate": frame(b"T", b'{"a": "\\ud800"}', b"a") + encode_end(),
    "steering key": frame(b"T", b'{"\\u001b[31m": 1}', b"a") + encode_end(),
    "mark beyond the text": marked(struct.pack("<QQBH", 0, 7, 0, 0)),
    "mark backwards": marked(struct.pack("<QQBH", 3, 2, 0, 0)),
    "mark of no kind": marked(struct.pack("<QQBH", 0, 1, 99, 0)),
    "label beyond the end": marked(struct.pack("<QQBH", 0, 1, 0, 9)),
    "more marks than bytes": marked(count=5),
    "too many marks": marked(struct.pack("<QQBH", 0, 1, 0, 0) * 1_000_001, count=1_000_001),
    "marks before text": frame(b"M", b"\0\0\0\0") + frame(b"T", b"{}", b"a") + encode_end(),
    "unknown error": frame(b"E", b'{"type": "SystemExit", "cause": "c", "hint": "h"}') + encode_end(),
    "base error": frame(b"E", b'{"type": "LoaderError", "cause": "c", "hint": "h"}') + encode_end(),
    "error of a list": frame(b"E", b'{"type": ["TooLarge"], "cause": "c", "hint": "h"}') + encode_end(),
    "error without words": frame(b"E", b'{"type": "TooLarge"}') + encode_end(),
    "pickle": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.",
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_not_believed(answer: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        decode_document(answer, "a.txt")
    if not answer.endswith(b"."):
        with pytest.raises(errors.LoaderCrashed, match=r"cannot be read|died"):
            run_loader("tests.support.hostile:answers_with_its_file", answer, "a.txt", limits=Limits())


def test_any_change_of_an_answer_is_an_answer_or_none(rounds: Callable[[int], int], seed: int) -> None:
    chance, honest = random.Random(seed), encode_document(DOCUMENT)
    believed = 0
    for _ in range(rounds(3000)):
        answer = bytearray(honest)
        for _ in range(chance.randint(1, 3)):
            answer[chance.randrange(len(answer))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        try:
            document = decode_document(answer, "a.txt")
        except (InvalidAnswer, errors.LoaderError):
            continue
        believed += 1
        assert all(0 <= mark.start <= mark.end <= len(document.text) for mark in document.marks)
        assert all(mark.kind in KINDS and mark.label.isprintable() for mark in document.marks)
        assert all(isinstance(value, (str, int, float, bool, type(None))) for value in document.metadata.values())
    assert believed


def test_words_for_people_cannot_steer_a_terminal() -> None:
    label, title = b"\x1b]0;x\x07 one\ntwo", json.dumps({"title": "a\x1b[31mb\nc"}).encode()
    head = frame(b"T", title, b"Words.")
    marks = frame(b"M", struct.pack("<L", 1), struct.pack("<QQBH", 0, 1, 0, len(label)) + label)
    document = decode_document(head + marks + encode_end(), "a.txt")
    assert document.marks[0].label == "]0;x one two"
    assert document.metadata["title"] == "a\N{REPLACEMENT CHARACTER}[31mb\nc"


def test_what_is_read_costs_a_small_multiple_of_its_bytes() -> None:
    head = b'{"a":' + b"[[],[]," * 550_000 + b"[]]}"
    started_s, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidAnswer):
        decode_document(frame(b"T", head, b"a") + encode_end(), "a.txt")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    assert time.monotonic() - started_s < 10
