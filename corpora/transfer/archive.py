"""The archive of an export: a zip of uncompressed parts, written and read as a stream.

Nothing in it is compressed, so that it cannot hold more bytes than the file has. Before anything is read, the directory
is checked: few parts, not overlapping, of the sizes that the manifest names; checksums are compared while reading.
Knows nothing of what the parts mean.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from corpora.errors import DamagedExport
from corpora.transfer.format import MOST_MANIFEST_BYTES, Manifest, Part, manifest_bytes, read_manifest, require

MANIFEST: Final = "manifest.json"
_MOST_PARTS: Final = 9
_MOST_DIRECTORY_BYTES: Final = 16 * 2**10
_CHUNK_BYTES: Final = 2**18
_END, _END_64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ZIPFILE_ERRORS = (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, struct.error, OSError)


def archive_chunks(
    parts: Mapping[str, Iterable[bytes]], manifest: Callable[[Mapping[str, Part]], Manifest]
) -> Iterator[bytes]:
    """The bytes of an archive; ``manifest`` is called last, when the sizes and checksums of the parts are known."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        described: dict[str, Part] = {}
        for name, chunks in parts.items():
            size, digest = 0, hashlib.sha256()
            with archive.open(_info(name), "w", force_zip64=True) as stream:
                for chunk in chunks:
                    stream.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    yield sink.taken()
            described[name] = Part(size, digest.hexdigest())
        archive.writestr(_info(MANIFEST), manifest_bytes(manifest(described)))
    yield sink.taken()


class ArchiveReader:
    """An open export, a context manager. Raises ``DamagedExport``, and OSError if it cannot be opened."""

    def __init__(self, path: Path) -> None:
        # A pipe or a device would block, so the opened file is checked, not its path.
        self._file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
        try:
            require(stat.S_ISREG(os.fstat(self._file.fileno()).st_mode), f"{path.name} is not a file")
            _check_directory(self._file)
            with _AsDamage():
                self._zip = zipfile.ZipFile(self._file)
            self.manifest = self._checked()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._file.close()

    def part(self, name: str) -> PartStream:
        """Open a part for reading. Several may be read at a time."""
        with _AsDamage():
            return PartStream(name, self.manifest.parts[name], self._zip.open(name))

    def _checked(self) -> Manifest:
        infos = self._zip.infolist()
        require(len({info.filename for info in infos}) == len(infos), "it holds a part twice")
        for info in infos:
            is_plain = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 0x2041
            if not is_plain or info.file_size != info.compress_size:
                raise DamagedExport(
                    f"{info.filename[:80]!r} in it is compressed or encrypted",
                    hint="take the file as it was exported, or pack its parts without compressing them",
                )
        _check_offsets(infos, self._zip.start_dir)
        manifest_info = next((info for info in infos if info.filename == MANIFEST), None)
        if manifest_info is None or manifest_info.file_size > MOST_MANIFEST_BYTES:
            raise DamagedExport("it is no export of a corpus", hint="make one with: spandraft corpus export NAME FILE")
        with _AsDamage():
            manifest = read_manifest(self._zip.read(MANIFEST))
        sizes = {info.filename: info.file_size for info in infos if info.filename != MANIFEST}
        same = sizes == {name: part.bytes for name, part in manifest.parts.items()}
        require(same, "its parts are not those that its manifest names")
        return manifest


class PartStream:
    """One part, read in order; its checksum is compared when its end is reached."""

    def __init__(self, name: str, part: Part, stream: IO[bytes]) -> None:
        self._name = name
        self._part = part
        self._stream = stream
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes. Raises ``DamagedExport``."""
        with _AsDamage():
            data = self._stream.read(size)
        require(len(data) == size, f"{self._name} in it is too short")
        self._digest.update(data)
        return data

    def lines(self, longest: int) -> Iterator[bytes]:
        """The lines of the part, at most ``longest`` bytes each; its end is checked. Raises ``DamagedExport``."""
        while True:
            with _AsDamage():
                line = self._stream.readline(longest + 1)
            if not line:
                break
            require(len(line) <= longest, f"a line of {self._name} is too long")
            self._digest.update(line)
            yield line
        self.finish()

    def finish(self) -> None:
        """Check the end. Raises ``DamagedExport`` if there is more, or if the checksum is wrong."""
        with _AsDamage():
            require(self._stream.read(1) == b"", f"{self._name} in it is too long")
        require(self._digest.hexdigest() == self._part.sha256, f"{self._name} in it is not what was written")
        self._stream.close()


class _Sink(io.RawIOBase):
    """Buffers what a zip writer writes, until it is taken. Not seekable, so that nothing is written twice."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self._buffer += view
        return view.nbytes

    def taken(self) -> bytes:
        data = bytes(self._buffer)
        self._buffer.clear()
        return data


class _AsDamage:
    """Turns what zipfile raises for broken bytes into ``DamagedExport``."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, _ZIPFILE_ERRORS) and not isinstance(error, DamagedExport):
            raise DamagedExport(
                "it is damaged, or no zip", hint="get the file again from where it was exported"
            ) from error


def _info(name: str) -> zipfile.ZipInfo:
    """Without a date, so that the same corpus gives the same file."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    return info


def _check_directory(file: IO[bytes]) -> None:
    """Limit the directory before zipfile makes objects of its entries: millions of them would fill the memory."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - 22 - 20 - 56))
    tail = file.read()
    end = tail[-22:]
    # zipfile also accepts an end record with a comment; an export never has one.
    require(len(end) == 22 and end[:4] == _END and end[-2:] == b"\0\0", "it is damaged, or no export")
    entries, directory_bytes = struct.unpack_from("<HL", end, 10)
    if tail[-42:-38] == _LOCATOR:
        record = tail[-98:-42]
        require(len(record) == 56 and record[:4] == _END_64, "it is damaged, or no export")
        entries, directory_bytes = struct.unpack_from("<QQ", record, 32)
    require(entries <= _MOST_PARTS and directory_bytes <= _MOST_DIRECTORY_BYTES, "it holds too many parts")
    file.seek(0)


def _check_offsets(infos: list[zipfile.ZipInfo], directory: int) -> None:
    """Refuse parts that overlap: they could hold more bytes than the file has."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        require(info.header_offset >= end, "its parts share their bytes")
        end = info.header_offset + 30 + info.file_size
    require(end <= directory, "its parts share their bytes")
