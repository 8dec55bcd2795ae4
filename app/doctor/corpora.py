"""The doctor's look at the library."""

from __future__ import annotations
from collections.abc import Iterator
from app.doctor.findings import Finding
from app.settings import Settings


def examine_corpora(settings: Settings) -> Iterator[Finding]:
    yield Finding("corpora", "ok", "")
