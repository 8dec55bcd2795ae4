"""Archives: what is good in them comes out, what is bad has a name, and nothing grows beyond its limits."""

from __future__ import annotations

import io
import random
import stat
import time
import zipfile
from collections.abc import Callable

import pytest

from corpora import errors
from corpora.loaders.formats.zip_limits import checked_zip
from corpora.loaders.registry import Limits, is_archive
from corpora.loaders.sandboxed_loader import Member, expand
from tests.support import zip_files

WORDS = b"Some good words. "
HALF_A_MEGABYTE = Limits(archive_bytes=2**19)


def by_name(members: list[Member]) -> dict[str, bytes | str]:
    return {member.name: type(member.error).__name__ if member.error else member.data for member in members}


def test_files_come_out_by_their_way_from_the_archive_on() -> None:
    inner = zip_files.packed({"deep.md": b"# Deep"})
    data = zip_files.packed(
        {"a.txt": WORDS, "b/c.html": b"<p>x", "b/": b"", "d.zip": inner, ".hidden.txt": WORDS, "__MACOSX/a.txt": WORDS}
    )
    assert by_name(expand(data, "papers.zip")) == {
        "papers.zip/a.txt": WORDS,
        "papers.zip/b/c.html": b"<p>x",
        "papers.zip/d.zip/deep.md": b"# Deep",
    }
    assert is_archive("PAPERS.ZIP") and not is_archive("a.docx")


def test_a_bad_member_does_not_spoil_the_others() -> None:
    whole = bytearray(zip_files.packed({"a.txt": WORDS, "b.txt": WORDS * 2, "tool.exe": b"MZ"}, method=0))
    whole[whole.index(WORDS * 2)] ^= 1
    assert by_name(expand(bytes(whole), "x.zip")) == {
        "x.zip/a.txt": WORDS,
        "x.zip/b.txt": "DamagedFile",
        "x.zip/tool.exe": "UnknownSuffix",
    }
    small = Limits(file_bytes=1000)
    assert by_name(expand(zip_files.packed({"a.txt": WORDS, "b.txt": WORDS * 100}), "x.zip", small)) == {
        "x.zip/a.txt": WORDS,
        "x.zip/b.txt": "TooLarge",
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (zip_files.with_flag("bad.txt", 1), "EncryptedFile"),
        (zip_files.with_kind("bad.txt", b"/etc/passwd", stat.S_IFLNK), "HostileArchive"),
        (zip_files.with_kind("bad.txt", b"", stat.S_IFIFO), "HostileArchive"),
        (zip_files.with_kind("bad.txt", b"", stat.S_IFCHR), "HostileArchive"),
    ],
    ids=["encrypted", "link", "pipe", "device"],
)
def test_members_that_cannot_be_read_are_named(data: bytes, expected: str) -> None:
    members = by_name(expand(data, "x.zip"))
    assert members.pop("x.zip/bad.txt") == expected
    assert list(members) == ["x.zip/good.txt"] and isinstance(members["x.zip/good.txt"], bytes)
    with pytest.raises(getattr(errors, expected)):
        checked_zip(data, "x.docx")


OUTWARD = {
    "up": "../up.txt",
    "up from inside": "a/../../up.txt",
    "absolute": "/etc/up.txt",
    "drive": "C:\\up.txt",
    "relative to a drive": "c:up.txt",
    "host": "\\\\host\\up.txt",
    "up by backslash": "..\\up.txt",
    "NUL": "a\0.txt",
    "long": "n" * 2000,
}


@pytest.mark.parametrize("name", OUTWARD.values(), ids=OUTWARD)
def test_paths_that_lead_out_refuse_the_archive(name: str) -> None:
    data = zip_files.packed({name: WORDS, "good.txt": WORDS})
    for refused in (expand, checked_zip):
        with pytest.raises(errors.HostileArchive, match="leads out"):
            refused(data, "x.zip")


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (zip_files.packed({f"{i}.txt": WORDS for i in range(101)}), Limits(archive_members=100)),
        (
            zip_files.packed({f"{i}.txt": random.Random(i).randbytes(2**16) for i in range(9)}),
            Limits(archive_bytes=2**19),
        ),
        (zip_files.packed({"zeros.txt": b"0" * 10_000_000}), Limits()),
        (zip_files.packed({f"{i}.txt": b"0" * 2**20 for i in range(40)}), Limits()),
        (zip_files.with_name_twice(), Limits()),
        (zip_files.overlapping(1000, 2**20), Limits(archive_ratio=10**9, archive_bytes=2**40)),
        (zip_files.overlapping(250, 10_000), Limits()),
    ],
    ids=["members", "bytes", "ratio", "ratio of the whole", "a name twice", "shared bytes", "shared bytes, small"],
)
def test_an_archive_over_a_limit_is_refused(data: bytes, limits: Limits) -> None:
    for refused in (expand, checked_zip):
        started = time.monotonic()
        with pytest.raises(errors.HostileArchive) as caught:
            refused(data, "x.zip", limits)
        assert caught.value.hint and "x.zip" in caught.value.cause
        assert time.monotonic() - started < 10


def test_a_member_larger_than_it_says_is_caught_while_it_is_inflated() -> None:
    data = zip_files.with_size("liar.txt", 100, WORDS * 10_000)
    with zipfile.ZipFile(io.BytesIO(data)) as naive:
        assert naive.read("liar.txt") == (WORDS * 10)[:100]  # the standard library is told a lie and passes it on
    assert by_name(expand(data, "x.zip")) == {"x.zip/liar.txt": "HostileArchive"}
    with pytest.raises(errors.HostileArchive, match="larger than it says"):
        checked_zip(data, "x.xlsx")


def nested(depth: int, core: bytes) -> bytes:
    for _ in range(depth):
        core = zip_files.packed({"in.zip": core, "beside.txt": WORDS})
    return core


def test_archives_in_archives_are_opened_to_a_depth() -> None:
    core = zip_files.packed({"core.txt": WORDS})
    one = "x.zip/in.zip"
    assert by_name(expand(nested(1, core), "x.zip")) == {f"{one}/core.txt": WORDS, "x.zip/beside.txt": WORDS}
    assert by_name(expand(nested(2, core), "x.zip"))[f"{one}/in.zip"] == "HostileArchive"
    deep = by_name(expand(nested(60, core), "x.zip", Limits(archive_depth=4)))
    assert [name for name, found in deep.items() if found == "HostileArchive"] == [one + "/in.zip" * 3]
    assert len(deep) == 5


def test_what_is_nested_counts_for_the_whole() -> None:
    """Sixteen archives of sixteen files each: each is within the limits, together they are not."""
    inner = zip_files.packed({f"{i}.txt": WORDS for i in range(16)})
    whole = zip_files.packed({f"{i}.zip": inner for i in range(16)})
    found = expand(whole, "x.zip", Limits(archive_members=100))
    files = [member for member in found if member.error is None]
    assert 64 <= len(files) <= 100 - 16
    assert {type(member.error) for member in found if member.error} == {errors.HostileArchive}


def test_names_are_read_as_they_were_meant() -> None:
    honest = zip_files.packed({"café.txt": WORDS, "文件.txt": WORDS})
    unsaid = bytearray(honest)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := unsaid.find(signature, at + 1)) >= 0:
            unsaid[at + offset : at + offset + 2] = b"\0\0"  # UTF-8, but not said to be
    for data in (honest, bytes(unsaid)):
        assert set(by_name(expand(data, "x.zip"))) == {"x.zip/café.txt", "x.zip/文件.txt"}
    steering = expand(zip_files.packed({"a\x1b[31m.txt": WORDS}), "x.zip")
    assert [member.name for member in steering] == ["x.zip/a\N{REPLACEMENT CHARACTER}[31m.txt"]


def test_no_zip_at_all() -> None:
    for data in (b"PK", b"PK\x05\x06", b"words", zip_files.packed({"a.txt": WORDS})[:-9]):
        for refused in (expand, checked_zip):
            with pytest.raises(errors.DamagedFile):
                refused(data, "x.zip")
    with pytest.raises(errors.EmptyFile):
        expand(b"", "x.zip")


def test_any_change_of_a_byte_is_an_answer(rounds: Callable[[int], int], seed: int) -> None:
    """Mutated archives: members or a named error, and never more than the limits."""
    n, chance = rounds(200), random.Random(seed)
    inner = zip_files.packed({"deep.txt": WORDS * 30})
    honest = zip_files.packed({"a.txt": WORDS * 40, "b/c.md": WORDS, "d.zip": inner})
    refused = 0
    for _ in range(n):
        data = bytearray(honest)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        try:
            members = expand(bytes(data), "x.zip")
        except errors.LoaderError:
            refused += 1
        else:
            assert all(member.name.startswith("x.zip/") and len(member.data) < 10_000 for member in members)
    assert 0 < refused < n
