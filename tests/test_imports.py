"""Each module can be the first one that a program imports: no circle of imports hides behind the usual order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
# What others import stays loaded: only our own modules are imported anew.
_PROGRAM = """
import importlib, sys
failed, packages = [], ("app", "retrieval", "decoding", "corpora")
for module in sys.stdin.read().split():
    for loaded in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[loaded]
    try:
        importlib.import_module(module)
    except ImportError as error:
        failed.append(f"{module}: {error}")
print("\\n".join(failed))
"""


@pytest.mark.parametrize("package", ["app", "retrieval", "decoding", "corpora"])
def test_each_module_may_come_first(package: str) -> None:
    files = sorted((_ROOT / package).rglob("*.py"))
    names = [".".join(file.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
    assert len(names) > 10
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM],
        input="\n".join(names), cwd=_ROOT, text=True, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ""
