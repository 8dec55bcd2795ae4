"""Names of documents: safe to show, and one document each. Two files of one name are named by more of their paths.

    readme.txt                       the only one of that name
    p/readme.txt, q/readme.txt       two of them: each by the shortest end of its path that tells them apart
    readme (2).txt                   where paths do not help: uploads, names that are spelt alike

Works on strings, looks at no disk.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from pathlib import PurePath


def safe_name(name: str) -> str:
    """A name that may be shown and stored: NFC, and no character that controls a terminal."""
    text = unicodedata.normalize("NFC", name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    return "".join(ch if ch.isprintable() else "\N{REPLACEMENT CHARACTER}" for ch in text)


def unused_name(name: str, taken: Container[str]) -> str:
    """The name or, if it is taken, one with a number: two files must not become one document by their names."""
    if name not in taken:
        return name
    stem, dot, suffix = name.rpartition(".")
    number = 2
    while (other := f"{stem} ({number}).{suffix}" if dot else f"{name} ({number})") in taken:
        number += 1
    return other


def names_apart(name: str, path: str, other_path: str) -> tuple[str, str] | None:
    """Names for two files that are both called ``name``: the shortest longer ends of their paths that differ.

    None if the paths do not end in that name, or differ nowhere that a name shows.
    """
    own, other = _parts(path), _parts(other_path)
    shown = name.count("/") + 1
    for parts in range(shown + 1, max(len(own), len(other)) + 1):
        names = "/".join(own[-parts:]), "/".join(other[-parts:])
        if names[0] != names[1]:
            return names if all(one.endswith(f"/{name}") for one in names) else None
    return None


def longer_name(name: str, path: str) -> str | None:
    """The name with one more folder of the path; None if the path has none, or does not end in that name."""
    longer = "/".join(_parts(path)[-name.count("/") - 2 :])
    return longer if longer.endswith(f"/{name}") else None


def _parts(path: str) -> list[str]:
    pure = PurePath(path)
    return [safe_name(part) for part in pure.parts if part != pure.anchor]
