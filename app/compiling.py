"""Where the compiled inner loops of drafting are kept between runs. Must run before they are first used."""

from __future__ import annotations

import os
from pathlib import Path


def keep_compiled(home: Path) -> None:
    """Let numba keep its machine code in the home folder, unless the user has chosen another place."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(home / "compiled"))
