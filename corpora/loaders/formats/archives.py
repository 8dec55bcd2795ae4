"""Expands a zip into the files in it, zips inside it, too, as far as limits allow. Runs in a worker; writes no file.

A bad archive (see ``zip_limits``) is refused with everything in it; a bad archive inside a good one, or a bad member,
is an error in its place. What an archive inside another holds counts against the limits of the outermost.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from corpora.errors import HostileArchive, LoaderError, TooLarge
from corpora.loaders.formats.zip_limits import inflated, member_fault, opened_zip
from corpora.loaders.registry import Limits, is_archive, loader_name

_UTF8_NAME = 0x800


def members(data: bytes, name: str, limits: Limits) -> Iterator[tuple[str, bytes | LoaderError]]:
    """Name (the path from the archive on) and bytes of each file in a zip, or the error that it has instead.

    Folders and hidden files are skipped, as they are on disk. Raises ``LoaderError`` if the archive itself is bad.
    """
    yield from _Expansion(limits.archive_members, limits.archive_bytes, limits).members(data, name, depth=1)


class _Expansion:
    """The expansion of one outermost archive, with what is left of its limits."""

    def __init__(self, members_left: int, bytes_left: int, limits: Limits) -> None:
        self._members_left, self._bytes_left, self._limits = members_left, bytes_left, limits

    def members(self, data: bytes, name: str, depth: int) -> Iterator[tuple[str, bytes | LoaderError]]:
        limits = replace(self._limits, archive_members=self._members_left, archive_bytes=self._bytes_left)
        archive = opened_zip(data, name, limits)
        self._members_left -= len(archive.infolist())
        self._bytes_left -= sum(info.file_size for info in archive.infolist())
        for info in archive.infolist():
            path = PurePosixPath(_decoded_name(info).replace("\\", "/"))
            if info.is_dir() or _is_hidden(path):
                continue
            member = f"{name}/{path}"
            try:
                content = self._content(data, info, member, name)
                if is_archive(member):
                    yield from self._inside(content, member, depth + 1)
                    continue
            except LoaderError as error:
                yield member, error
            else:
                yield member, content

    def _inside(self, data: bytes, name: str, depth: int) -> Iterator[tuple[str, bytes | LoaderError]]:
        if depth > self._limits.archive_depth:
            raise HostileArchive(
                f"{name} is an archive more than {self._limits.archive_depth} deep in others",
                hint="unpack it yourself and add what is in it",
            )
        yield from self.members(data, name, depth)

    def _content(self, data: bytes, info: zipfile.ZipInfo, member: str, archive: str) -> bytes:
        if not is_archive(member):
            loader_name(member)  # what no loader reads is not inflated
        if fault := member_fault(info, archive):
            raise fault
        if info.file_size > self._limits.file_bytes:
            raise TooLarge(
                f"{member} is larger than {self._limits.file_bytes // 2**20} MiB",
                hint="split the file and add the parts",
            )
        return b"".join(inflated(data, info, archive))


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _decoded_name(info: zipfile.ZipInfo) -> str:
    """The name as its writer meant it: many write UTF-8 without setting the flag."""
    if info.flag_bits & _UTF8_NAME:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename
