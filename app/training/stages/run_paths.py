"""Where the stages of a run leave their results, and how one stage names another's.

Knows folder names. Must not know what is in them.
"""

from __future__ import annotations

from pathlib import Path

from app.loading.bundled import TARGET, bundled_folder

BUNDLED = "bundled"
_RESULT = "model"


def result_of(where: str, run: Path) -> Path:
    """The folder of a model: `where` is a stage of this run, "bundled" (the target that comes along), or a folder."""
    if where == BUNDLED:
        return bundled_folder(TARGET)
    if "/" in where or where.startswith("."):
        return Path(where)
    own = run / where / _RESULT
    return own if own.exists() or not Path(where).is_dir() else Path(where)


def stage_folder(name: str, run: Path) -> Path:
    """Checkpoint, log and result of a stage."""
    return run / name
