"""Checks that a zip file is what it declares, and within limits, before any library opens it. Knows nothing of formats.

An archive is refused as a whole (``HostileArchive``, ``DamagedFile``) for too many members, too much in them or in too
few bytes, members that share bytes or a name, and paths that lead out of it. A fault of one member (encrypted, a link,
damaged) concerns that member; ``checked_zip`` refuses the whole for it, since a document with a part missing is no
document.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from corpora.errors import DamagedFile, EncryptedFile, HostileArchive, LoaderError, UnreadableFile
from corpora.loaders.registry import Limits

_HEADER = struct.Struct("<4s22xHH")  # signature, lengths of the name and of the extra field
_ENTRY_BYTES = 46  # of a member in the directory, without its name
_NAME_CHARACTERS = 1000
_CHUNK_BYTES = 2**18
_DRIVE = re.compile(r"[a-zA-Z]:")
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # the member, strongly, or the directory itself
_READ_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIPFILE_RAISES = (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, struct.error, OSError)


def checked_zip(data: bytes, name: str, limits: Limits | None = None) -> zipfile.ZipFile:
    """Open a document that is a zip inside (docx, xlsx, epub), after checking and inflating all of it once.

    Any library may then read ``data``. Raises ``HostileArchive``, ``EncryptedFile``, ``DamagedFile``,
    ``UnreadableFile``.
    """
    limits = limits or Limits()
    archive = opened_zip(data, name, limits)
    for info in archive.infolist():
        if fault := member_fault(info, name):
            raise fault
        try:
            archive.open(info).close()  # the reader's own checks of the header
        except _ZIPFILE_RAISES as error:
            raise _damaged(name) from error
        for _ in inflated(data, info, name):
            pass
    return archive


def opened_zip(data: bytes, name: str, limits: Limits) -> zipfile.ZipFile:
    """Open a zip whose directory is within the limits; nothing in it is inflated yet. Raises as ``checked_zip``."""
    if _directory_entries(data) > limits.archive_members:
        raise _too_many(name, limits)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _ZIPFILE_RAISES as error:
        raise _damaged(name) from error
    members = archive.infolist()
    if len(members) > limits.archive_members:
        raise _too_many(name, limits)
    total = 0
    for info in members:
        total += info.file_size
        _check_ratio(info.file_size, info.compress_size, name, limits)
    if total > limits.archive_bytes:
        raise HostileArchive(
            f"{name} holds more than {limits.archive_bytes // 2**20} MiB", hint="split the archive and add the parts"
        )
    _check_ratio(total, len(data), name, limits)
    _check_names(members, name)
    _check_offsets(data, members, archive.start_dir, name)
    return archive


def member_fault(info: zipfile.ZipInfo, name: str) -> LoaderError | None:
    """The error for a member of ``name`` that cannot be read, as far as the directory tells; else None."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return HostileArchive(f"{info.filename} in {name} is a link or device", hint="put the file itself there")
    if info.flag_bits & _ENCRYPTED:
        return EncryptedFile(
            f"{info.filename} in {name} is encrypted and wants a password",
            hint="save it without the password and add that",
        )
    if info.compress_type not in _READ_METHODS:
        return UnreadableFile(
            f"{info.filename} in {name} is compressed in a way that is not read", hint="pack it anew as an ordinary zip"
        )
    return None


def inflated(data: bytes, info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """The bytes of a member in chunks, never more than it declares. Raises ``HostileArchive``, ``DamagedFile``."""
    start = _content_start(data, info, name)
    packed = memoryview(data)[start : start + info.compress_size]
    size, checksum = 0, 0
    for chunk in _inflated_chunks(packed, info, name):
        size += len(chunk)
        if size > info.file_size:
            raise HostileArchive(
                f"{info.filename} in {name} is larger than it says", hint="pack it anew as an ordinary zip"
            )
        checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if size != info.file_size or checksum != info.CRC:
        raise _damaged(f"{info.filename} in {name}")


def _inflated_chunks(packed: memoryview, info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    if info.compress_type == zipfile.ZIP_STORED:
        for start in range(0, len(packed), _CHUNK_BYTES):
            yield bytes(packed[start : start + _CHUNK_BYTES])
        return
    decompressor, start, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, b""
    try:
        while not decompressor.eof and (rest or start < len(packed)):
            if not rest:
                rest, start = bytes(packed[start : start + _CHUNK_BYTES]), start + _CHUNK_BYTES
            chunk = decompressor.decompress(rest, _CHUNK_BYTES)
            rest = decompressor.unconsumed_tail
            if chunk:
                yield chunk
    except zlib.error as error:
        raise _damaged(f"{info.filename} in {name}") from error


def _directory_entries(data: bytes) -> int:
    """The number of members in the directory, counted before objects are made of them; 0 if there is no directory.

    Signatures are counted, since the number that the archive declares may be false.
    """
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 2**16 - 22))
    if end < 0 or end + 22 > len(data):
        return 0
    size: int = struct.unpack_from("<L", data, end + 12)[0]
    if end >= 76 and data[end - 20 : end - 16] == b"PK\x06\x07":
        size = struct.unpack_from("<Q", data, end - 36)[0]  # of a zip64, which zipfile reads only if it is right here
    return data.count(b"PK\x01\x02", max(0, end - 76 - size), end) if size >= _ENTRY_BYTES else 0


def _check_ratio(size: int, packed: int, name: str, limits: Limits) -> None:
    if size > limits.archive_free_bytes and size > limits.archive_ratio * max(packed, 1):
        raise HostileArchive(
            f"{name} holds {size // 2**20} MiB in {packed // 1024} KiB, as bombs do",
            hint="if you trust it, unpack it yourself and add what is in it",
        )


def _check_names(members: Sequence[zipfile.ZipInfo], name: str) -> None:
    """Refuse paths that lead out of the archive and names that are there twice."""
    seen: set[str] = set()
    for info in members:
        path = info.orig_filename.replace("\\", "/")
        if "\0" in path or len(path) > _NAME_CHARACTERS or path.startswith("/") or _DRIVE.match(path):
            raise _leads_out(info, name)
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if not parts and path.startswith("./"):
            continue  # the folder itself
        if ".." in parts or not parts:
            raise _leads_out(info, name)
        joined = "/".join(parts)
        if joined in seen:
            raise HostileArchive(
                f"{name} holds {joined} twice", hint="unpack it yourself and add the files that you mean"
            )
        seen.add(joined)


def _check_offsets(data: bytes, members: Sequence[zipfile.ZipInfo], directory: int, name: str) -> None:
    """Refuse members that share bytes with each other or with the directory, as the densest zip bombs do."""
    end = directory
    for info in sorted(members, key=lambda info: info.header_offset, reverse=True):
        if _content_start(data, info, name) + info.compress_size > end:
            raise HostileArchive(
                f"{name} holds members that share their bytes, as bombs do", hint="pack it anew as an ordinary zip"
            )
        end = info.header_offset


def _content_start(data: bytes, info: zipfile.ZipInfo, name: str) -> int:
    """The offset of the packed bytes of a member, after its local header."""
    if not 0 <= info.header_offset <= len(data) - 30:
        raise _damaged(name)
    signature, name_bytes, extra_bytes = _HEADER.unpack_from(data, info.header_offset)
    if signature != b"PK\x03\x04":
        raise _damaged(name)
    start: int = info.header_offset + 30 + name_bytes + extra_bytes
    return start


def _too_many(name: str, limits: Limits) -> HostileArchive:
    return HostileArchive(
        f"{name} holds more than {limits.archive_members:,} files", hint="split the archive and add the parts"
    )


def _leads_out(info: zipfile.ZipInfo, name: str) -> HostileArchive:
    return HostileArchive(
        f"{name} holds {info.orig_filename[:100]!r}, a path that leads out of it",
        hint="if you trust it, unpack it yourself and add what is in it",
    )


def _damaged(name: str) -> DamagedFile:
    return DamagedFile(f"{name} is damaged, or no zip inside", hint="open it, save or pack it anew and add that")
