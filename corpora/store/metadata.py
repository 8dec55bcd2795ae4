"""What there is once in a database: its version, the generation that is seen, and settings by their keys.

Runs inside transactions that others open.
"""

from __future__ import annotations

import sqlite3
from typing import Final

CHUNKING: Final = "chunking"  # how texts are cut, as JSON
ENCODER: Final = "encoder"  # by which encoder derived rows were made


def version(connection: sqlite3.Connection) -> int:
    """How many changes have been committed."""
    return int(connection.execute("SELECT version FROM state").fetchone()[0])


def set_version(connection: sqlite3.Connection, version: int) -> None:
    """Say that a change was made."""
    connection.execute("UPDATE state SET version = ?", (version,))


def generation(connection: sqlite3.Connection) -> int:
    """Which passages are seen."""
    return int(connection.execute("SELECT generation FROM state").fetchone()[0])


def setting(connection: sqlite3.Connection, key: str) -> str | None:
    """A setting of the corpus; none if it was never set."""
    record = connection.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
    return None if record is None else str(record[0])


def set_setting(connection: sqlite3.Connection, key: str, value: str | None) -> None:
    """Keep a setting with the corpus, or forget it."""
    if value is None:
        connection.execute("DELETE FROM settings WHERE key = ?", (key,))
    else:
        connection.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (key, value))
