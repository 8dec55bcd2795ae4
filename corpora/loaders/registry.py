"""The registry of loaders: which one reads which suffix, and what reading one file may cost.

Loaders are named, not imported: a worker process imports only the one that it needs.
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
    """What reading one file may cost. ``file_bytes`` is checked before a worker is started.

    The ``archive_`` limits apply to everything inside one file together, archives inside it included; the ratio of what
    is smaller than ``archive_free_bytes`` is not checked, since small and repetitive files are harmless.
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
        ".log": "corpora.loaders.formats.txt:load",
        ".srt": "corpora.loaders.formats.subtitles:load",
        ".vtt": "corpora.loaders.formats.subtitles:load",
        ".md": "corpora.loaders.formats.markup.md:load",
        ".markdown": "corpora.loaders.formats.markup.md:load",
        ".html": "corpora.loaders.formats.markup.html:load",
        ".htm": "corpora.loaders.formats.markup.html:load",
        ".xhtml": "corpora.loaders.formats.markup.html:load",
        ".pdf": "corpora.loaders.formats.pdf.pdf:load",
        ".docx": "corpora.loaders.formats.word.docx:load",
        ".docm": "corpora.loaders.formats.word.docx:load",
        ".pptx": "corpora.loaders.formats.office.pptx:load",
        ".pptm": "corpora.loaders.formats.office.pptx:load",
        ".xlsx": "corpora.loaders.formats.office.xlsx:load",
        ".xlsm": "corpora.loaders.formats.office.xlsx:load",
        ".csv": "corpora.loaders.formats.tables.csv:load",
        ".tsv": "corpora.loaders.formats.tables.csv:load",
        ".jsonl": "corpora.loaders.formats.tables.jsonl:load",
        ".ndjson": "corpora.loaders.formats.tables.jsonl:load",
        ".json": "corpora.loaders.formats.tables.jsonl:load",
        ".epub": "corpora.loaders.formats.markup.epub:load",
    }
)
# Formats without a loader, and what their programs can save them as instead.
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
        kind = f"files ending in {suffix} cannot be read" if suffix else "it has no suffix that names its kind"
        successor = _SUCCESSORS.get(suffix)
        if successor:
            hint = f"save it as {successor} in the program that opens it, and add that file"
        else:
            hint = f"add it in a form that can be read: {', '.join(LOADERS)}"
        raise UnknownSuffix(f"{file_name}: {kind}", hint=hint)
    return LOADERS[suffix]


def is_archive(name: str) -> bool:
    """Whether a file of this name is to be expanded, rather than read."""
    return PurePath(name).suffix.lower() == ".zip"


def import_loader(name: str) -> Loader:
    """Import the loader called ``module:function`` and the language model that all loaders need.

    In a fork server, so that workers share both.
    """
    module, function = name.split(":")
    prepare()
    return cast(Loader, getattr(import_module(module), function))
