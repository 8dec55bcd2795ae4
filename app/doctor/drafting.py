"""The doctor's look at how drafts are verified: loads the target, as a run would, if that is a matter of seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.doctor.findings import Finding
from app.doctor.models import bundled_target_folder
from app.errors import as_user_error
from app.placing import loading_options
from app.settings import BUNDLED, Settings

_MOST_BYTES = 2**30


def examine_drafting(settings: Settings) -> Iterator[Finding]:
    """One line: trees, chains or no drafts, as the self-check at load chooses."""
    folder = bundled_target_folder() if settings.target == BUNDLED else Path(settings.target).expanduser()
    size_bytes = sum(file.stat().st_size for file in folder.glob("*.safetensors")) if folder.is_dir() else 0
    if not size_bytes:
        return  # What is not here is the business of the models' check.
    if size_bytes > _MOST_BYTES:
        yield Finding("drafting", "ok", "trees, chains or none: a self-check chooses when this large target is loaded")
        return
    from decoding.errors import DecodingError
    from decoding.graphs import try_out
    from decoding.target import Target
    from decoding.verification import Verification

    options = loading_options(settings)
    try:
        target = Target.from_pretrained(
            str(folder),
            dtype=settings.dtype or "float32",
            device=settings.device or "auto",
            trust_remote_code=settings.trust_remote_code,
            **options,
        )
    except DecodingError as error:
        cause, hint = as_user_error(error) or (str(error), "")
        yield Finding("drafting", "fail", cause, hint)
        return
    if target.verification is Verification.TREE:
        yield Finding("drafting", "ok", target.verification.about)
    else:
        hint = "a model with attention layers only, such as Llama or Qwen3, is sped up more"
        yield Finding("drafting", "warn", target.verification.about, hint)
    if target.device.type == "cuda" and settings.cuda_graphs:
        yield Finding("graphs", "ok", f"CUDA graphs: {try_out(target)}")
