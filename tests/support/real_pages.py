"""Real pages that are on this machine: of Debian's doc packages, of Python's documentation, of packages' read-mes.

None of them is part of this repository. Where no doc package is installed, Python and the packages make up the number.
"""

from __future__ import annotations

import importlib
import pydoc
import random
import re
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from importlib import metadata
from itertools import chain, islice
from pathlib import Path

from markdown_it import MarkdownIt

_DOCUMENTATION = (Path("/usr/share/doc"), Path("/usr/lib/node_modules"), Path("/usr/share/gtk-doc"))
_LARGEST, _SMALLEST = 250_000, 1_500
_MODULES = (
    "argparse calendar csv datetime decimal difflib email.message fractions gettext heapq http.client json logging "
    "pathlib queue random smtplib sqlite3 statistics string tarfile textwrap threading unittest.case urllib.request "
    "xml.dom.minidom zipfile"
).split()
_LEADS_AWAY = re.compile(rb"http-equiv=[\"']?refresh", re.IGNORECASE)


def real_pages(count: int, chance: random.Random) -> list[tuple[str, bytes]]:
    """``count`` pages with their names, at least half of them of doc packages where there are so many."""
    of_debian = list(islice(_of_doc_packages(chance), count // 2))
    packages = chain.from_iterable(zip(of_python(chance), read_mes(chance), strict=False))
    return of_debian + list(islice(packages, count - len(of_debian)))


def of_python(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """The pages that Python makes of its own modules, and the manual of its editor."""
    manual = Path(sysconfig.get_path("stdlib")) / "idlelib" / "help.html"
    if manual.exists():
        yield str(manual), manual.read_bytes()
    for name in chance.sample(_MODULES, len(_MODULES)):
        module = importlib.import_module(name)
        yield f"pydoc of {name}", pydoc.html.page(name, pydoc.html.document(module)).encode()


def read_mes(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """The read-mes of installed packages as pages."""
    for name, text in markdown_read_mes(chance):
        page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
        yield f"read-me of {name}", f"<!doctype html><meta charset=utf-8><body>{page}".encode()


def markdown_read_mes(chance: random.Random) -> Iterator[tuple[str, str]]:
    """The read-mes of installed packages that are Markdown."""
    found = {}
    for package in metadata.distributions():
        kind, text = package.metadata.get("Description-Content-Type") or "", package.metadata.get_payload()
        if "markdown" in kind and isinstance(text, str) and _SMALLEST < len(text) < _LARGEST:
            found[package.metadata["Name"]] = text
    names = sorted(found)
    yield from ((name, found[name]) for name in chance.sample(names, len(names)))


def _of_doc_packages(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Pages of all folders in turn, so that no package is all of them."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for root in _DOCUMENTATION:
        for path in root.rglob("*.html"):
            if path.is_file() and not path.is_symlink() and _SMALLEST < path.stat().st_size < _LARGEST:
                folders[path.parent].append(path)
    piles = [chance.sample(sorted(folders[folder]), len(folders[folder])) for folder in sorted(folders)]
    chance.shuffle(piles)
    while piles:
        for pile in piles:
            data = (path := pile.pop()).read_bytes()
            if not _LEADS_AWAY.search(data):
                yield str(path), data
        piles = [pile for pile in piles if pile]
