"""What must be settled before numerical libraries load: how worker threads wait, where compiled loops are kept, and
that Python's garbage collector pauses meanwhile.

By default the worker threads of the numerical libraries spin while they wait for each other, which on a machine that
does something else as well makes a step many times slower (measured beside a busy program on two cores: 144 ms instead
of 4.5 ms). If they sleep at once, a forward of a small model in int8, with 120 matrix products, takes twice as long as
it needs (17 ms instead of 8 for its products): so they spin for a moment first. ``wait_passively`` must run before
torch is imported.

The compiled inner loops of drafting, and of a target on a CPU, are kept between runs. numba looks whether the file of a
function has changed, not the files of the functions that it calls: so each version of the sources has a folder of its
own. ``keep_compiled`` must run before they are first used.

Importing the libraries and loading a model makes a million objects that stay. The collector would look through them
again and again, and once more as the process ends: 2.3 of the 7.3 s that `spandraft ask` took.

Imports nothing but the standard library: ``app`` imports it before anything else.
"""

from __future__ import annotations

import atexit
import gc
import hashlib
import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

# Rounds that a thread spins before it sleeps: about 0.2 ms.
_SPIN: Final = "10000"


def wait_passively() -> None:
    """Let OpenMP's threads spin for a moment and then sleep at barriers, unless the user has chosen otherwise."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN)


def pause_collection() -> None:
    """Stop the collection of cyclic garbage in a process that begins to load, and spare it one at its end."""
    gc.disable()
    atexit.register(gc.freeze)


def resume_collection() -> None:
    """Collect again, but never what has been loaded until now. Does nothing unless collection is paused."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


_KERNEL: Final = re.compile(r"^@compiled$", re.MULTILINE)


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


def is_compiled() -> bool:
    """Whether the next drafts find their machine code, or need none. ``keep_compiled`` must have run.

    numba puts an index beside the code of each function, in a folder named after that of the sources.
    """
    if os.environ.get("SPANDRAFT_PLAIN_PYTHON") or importlib.util.find_spec("numba") is None:
        return True
    sources, _ = _sources()
    kernels = sum(len(_KERNEL.findall(path.read_text(encoding="utf-8"))) for path in sources.glob("*.py"))
    name = f"{sources.name}_{hashlib.sha1(str(sources).encode(), usedforsecurity=False).hexdigest()}"
    kept = Path(os.environ["NUMBA_CACHE_DIR"]) / name
    version = f"py{sys.version_info.major}{sys.version_info.minor}{sys.abiflags}"
    return len(list(kept.glob(f"*.{version}.nbi"))) >= kernels


def _version() -> str:
    """A digest of all sources."""
    whole = hashlib.sha256()
    for folder in _sources():
        for path in sorted(folder.glob("*.py")):
            whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def _sources() -> tuple[Path, Path]:
    """The folders of drafting's and of the target's loops. They are looked up, not imported: that would bring the
    compiler along.
    """
    package = importlib.util.find_spec("decoding")
    assert package is not None
    assert package.origin is not None
    decoding = Path(package.origin).parent
    return decoding / "sources" / "blend", decoding / "target" / "kernels"
