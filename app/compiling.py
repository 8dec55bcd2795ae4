"""Where the compiled inner loops of drafting are kept between runs. Must run before they are first used.

numba looks whether the file of a function has changed, not the files of the functions that it calls: so each version
of the sources has a folder of its own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from pathlib import Path


def keep_compiled(home: Path) -> None:
    """Let numba keep its machine code in the home folder, unless the user has chosen another place."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    folder = home / "compiled" / _version()
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if folder.parent.is_dir():
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)


def _version() -> str:
    """A digest of all sources. They are looked up, not imported: that would bring the compiler along."""
    package = importlib.util.find_spec("decoding")
    assert package is not None
    assert package.origin is not None
    whole = hashlib.sha256()
    for path in sorted((Path(package.origin).parent / "sources").glob("*.py")):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:16]
