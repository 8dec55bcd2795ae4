"""What one file may cost its reader: bytes, time, memory, and what an archive may hold. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass


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
