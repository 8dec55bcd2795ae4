"""What one file may cost its reader: bytes, time, memory, and what an archive may hold. Numbers only.

The one table of file formats: suffix -> the loader that reads it.

Loaders are named, not imported: a child process imports only the one it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from types import MappingProxyType
from typing import cast

from corpora.errors import UnknownSuffix
from corpora.interfaces import Loader
from corpora.text.language import prepare


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. ``file_bytes`` is checked before a child is started.

    The ``archive_`` limits count for everything inside one file together, archives inside it included; what is
    smaller than ``archive_free_bytes`` is not asked for its ratio, since small and repetitive files are harmless.
    """

    file_bytes: int = 200 * 2**20
    memory_bytes: int = 2**30
    output_bytes: int = 100 * 2**20
    cpu_s: int = 30
    wall_s: float = 30.0
    archive_members: int = 20_000
    archive_bytes: int = 512 * 2**20
    archive_ratio: int = 200
    archive_free_bytes: int = 2**20
    archive_depth: int = 2


LOADERS: Mapping[str, str] = MappingProxyType(
    {
        ".txt": "corpora.loaders.formats.txt:load",
        ".text": "corpora.loaders.formats.txt:load",
        ".rst": "corpora.loaders.formats.txt:load",
        ".md": "corpora.loaders.formats.md:load",
        ".markdown": "corpora.loaders.formats.md:load",
        ".html": "corpora.loaders.formats.html:load",
        ".htm": "corpora.loaders.formats.html:load",
        ".xhtml": "corpora.loaders.formats.html:load",
        ".pdf": "corpora.loaders.formats.pdf:load",
        ".docx": "corpora.loaders.formats.docx:load",
        ".docm": "corpora.loaders.formats.docx:load",
        ".pptx": "corpora.loaders.formats.pptx:load",
        ".pptm": "corpora.loaders.formats.pptx:load",
        ".xlsx": "corpora.loaders.formats.xlsx:load",
        ".xlsm": "corpora.loaders.formats.xlsx:load",
        ".csv": "corpora.loaders.formats.csv:load",
        ".tsv": "corpora.loaders.formats.csv:load",
        ".jsonl": "corpora.loaders.formats.jsonl:load",
        ".ndjson": "corpora.loaders.formats.jsonl:load",
        ".json": "corpora.loaders.formats.jsonl:load",
        ".epub": "corpora.loaders.formats.epub:load",
    }
)
# What has no loader here, and what its programs can save it as instead.
_SUCCESSORS = MappingProxyType(
    {
        **dict.fromkeys((".doc", ".dot", ".rtf", ".odt", ".pages", ".wpd"), ".docx"),
        **dict.fromkeys((".xls", ".xlsb", ".ods", ".numbers"), ".xlsx"),
        **dict.fromkeys((".ppt", ".pps", ".odp", ".key"), ".pptx"),
        **dict.fromkeys((".mobi", ".azw", ".azw3", ".fb2"), ".epub"),
    }
)


def loader_name(file_name: str) -> str:
    """``module:function`` of the loader for this file name. Raises ``UnknownSuffix``."""
    suffix = PurePath(file_name).suffix.lower()
    if suffix not in LOADERS:
        kind = f"files ending in {suffix}" if suffix else "files without a suffix"
        successor = _SUCCESSORS.get(suffix)
        better = f"{successor}, in the program that opens it," if successor else f"one of {', '.join(LOADERS)}"
        raise UnknownSuffix(f"{file_name}: there is no loader for {kind}", hint=f"save it as {better} and add that")
    return LOADERS[suffix]


def is_archive(name: str) -> bool:
    """Is a file of this name one to expand, rather than one to read?"""
    return PurePath(name).suffix.lower() == ".zip"


def import_loader(name: str) -> Loader:
    """The loader called ``module:function``, and what all of them need, ready to be shared by forked processes."""
    module, function = name.split(":")
    prepare()
    return cast(Loader, getattr(import_module(module), function))
