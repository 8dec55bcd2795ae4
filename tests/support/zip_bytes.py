"""Zip files made in memory, honest ones and ones that no honest tool writes."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping


def packed(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An ordinary zip. Names are written as they are, whatever they say."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.filename = name  # ZipInfo makes names safe
            info.compress_type = method
            archive.writestr(info, data)
    return whole.getvalue()


def with_kind(name: str, data: bytes, kind: int) -> bytes:
    """A zip of two files, one of which is of another kind: a link, a pipe, a device."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (kind | 0o644) << 16
        archive.writestr(info, data)
        archive.writestr("good.txt", "Some good words.")
    return whole.getvalue()


def with_name_twice() -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("same.txt", "First words.")
        archive.writestr("same.txt", "Other words.")
    return whole.getvalue()


def with_flag(name: str, flag: int) -> bytes:
    """A zip of two files, one of which has this bit set in both of its headers, such as 1 for encrypted."""
    data = bytearray(packed({name: b"secret words " * 9, "good.txt": b"Some good words."}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature) + offset
        data[at : at + 2] = struct.pack("<H", struct.unpack_from("<H", data, at)[0] | flag)
    return bytes(data)


def with_size(name: str, said: int, data: bytes) -> bytes:
    """A zip whose member claims to be of another size than it is, with a checksum that fits the claim."""
    whole = bytearray(packed({name: data}))
    checksum = zlib.crc32(data[:said])
    for signature, offset in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = whole.index(signature) + offset
        whole[at : at + 4] = struct.pack("<L", checksum)
        whole[at + 8 : at + 12] = struct.pack("<L", said)
    return bytes(whole)


def overlapping(count: int, inflated_bytes: int) -> bytes:
    """``count`` members that all point to the same packed bytes: a few kilobytes that claim to be gigabytes."""
    kernel = b"\0" * inflated_bytes
    compressor = zlib.compressobj(9, wbits=-15)
    content = compressor.compress(kernel) + compressor.flush()
    checksum, name = zlib.crc32(kernel), b"0000.txt"
    sizes = struct.pack("<LLL", checksum, len(content), len(kernel))
    local = b"PK\x03\x04" + struct.pack("<HHHHH", 20, 0, 8, 0, 0x21) + sizes + struct.pack("<HH", len(name), 0) + name
    directory = b""
    for i in range(count):
        entry = b"PK\x01\x02" + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 0x21) + sizes
        entry += struct.pack("<HHHHHLL", len(name), 0, 0, 0, 0, 0, 0) + b"%04d.txt" % i
        directory += entry
    start = len(local) + len(content)
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, count, count, len(directory), start, 0)
    return local + content + directory + end
