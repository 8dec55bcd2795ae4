"""Formats sizes, durations, counts, dates, file types and messages for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath

from corpora.counts import count, percent

__all__ = ["amount", "count", "day", "duration", "kind_of", "listed", "percent", "sentence"]


def amount(size: int) -> str:
    """Bytes: ``340 B``, ``1.2 MB``."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def duration(seconds: float) -> str:
    """Seconds: ``8 s``, ``3 min``, ``2 h 10 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def listed(names: Sequence[str]) -> str:
    """``notes``; ``notes and sample``; ``manuals, notes and sample``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def day(moment: datetime) -> str:
    """Date and time in the time zone of this machine: ``2026-11-30 21:00``."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def sentence(text: str) -> str:
    """A cause or a hint as a sentence: with a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) or not text else ".")


def kind_of(name: str) -> str:
    """The type of a file by its name: ``pdf``; empty if the name tells none."""
    suffix = PurePosixPath(name).suffix.removeprefix(".").lower()
    return suffix if len(suffix) <= 8 else ""
