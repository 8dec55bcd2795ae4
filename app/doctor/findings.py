"""The result of a check: one line, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, its status, details in one line, and a remedy unless all is well."""

    check: str
    status: Status
    detail: str
    hint: str = ""
