"""Checks how drafts are verified and who drafts: loads the target, as a run would, if that takes seconds only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.config.parsers import written
from app.config.settings import BUNDLED, NONE, TINY, Settings
from app.doctor.installation import Finding
from app.doctor.models import examine_named
from app.errors import SpandraftError, as_user_error
from app.loading.bundled import TARGET, bundled_folder
from app.loading.models import choose_dtype, loading_options
from app.model_store.choice import stored_path, target_name

if TYPE_CHECKING:
    from decoding.target.target import Target

_MOST_BYTES = 2**30  # a larger target takes too long to load


def examine_drafting(settings: Settings) -> Iterator[Finding]:
    """Report whether the target verifies trees, chains or no drafts, and whether the drafters fit it."""
    settings = settings.replace(target=target_name(settings))
    stored = stored_path(settings.target, settings.home)
    own = bundled_folder(TARGET) if settings.target == TINY else Path(settings.target).expanduser()
    folder = stored if stored is not None else own
    size_bytes = sum(file.stat().st_size for file in folder.glob("*.safetensors")) if folder.is_dir() else 0
    if not size_bytes:
        return  # A target that is missing is a finding of `app.doctor.models`.
    if size_bytes > _MOST_BYTES:
        yield Finding("drafting", "ok", "trees, chains or none: a self-check chooses when this large target is loaded")
        return
    from decoding.cuda.graphs import CudaGraphs
    from decoding.errors import DecodingError
    from decoding.target.loading import load_target

    options, chosen = loading_options(settings), choose_dtype(str(folder), settings)
    yield Finding("dtype", "ok", f"the target computes in {chosen.name}: {chosen.reason}")
    try:
        target = load_target(
            str(folder),
            dtype=chosen.name,
            device=settings.device or "auto",
            trust_remote_code=settings.trust_remote_code,
            **options,
        )
    except DecodingError as error:
        cause, hint = as_user_error(error) or (str(error), "")
        yield Finding("drafting", "fail", cause, hint)
        return
    yield _verifying(settings, target)
    if target.device.type == "cuda" and settings.cuda_graphs:
        yield Finding("graphs", "ok", f"CUDA graphs: {CudaGraphs(target).try_out()}")
    yield from _drafters(settings, folder, target)


def _verifying(settings: Settings, target: Target) -> Finding:
    """How drafts are verified, with what the self-check measured; a cause and a remedy where they are not all trees."""
    if not settings.speculate:
        cause = "it writes without drafts: they are switched off (speculate)"
        return Finding(
            "drafting", "warn", cause, "set speculate to true; `spandraft config show --origin` says where it is set"
        )
    if not target.note:
        return Finding("drafting", "ok", target.capability.description)
    hint = "another --dtype may pass the self-check; of models with attention layers only, most do"
    if "it has layers" in target.shortfall:
        hint = "a model with attention layers only, such as Llama or Qwen3, is sped up more"
    return Finding("drafting", "warn", target.note, hint)


def _drafters(settings: Settings, folder: Path, target: Target) -> Iterator[Finding]:
    """Load the drafters of a run for the target; a name that may be on the hub is not looked up. Says whose biases the
    target has, too.
    """
    from app.loading.calibrations import whose_biases
    from app.loading.drafters import add_drafters
    from app.loading.models import load_tokenizer
    from app.loading.sources import drafters_of, source_names
    from decoding.errors import DecodingError
    from decoding.sources.shared import Shared

    try:
        tokens = load_tokenizer(str(folder), settings)
        yield Finding("biases", "ok", whose_biases(folder, target, tokens))
        sources, given = source_names(settings), drafters_of(settings)
        name = given.draft_model
        if name is not None and name != BUNDLED and not Path(name).expanduser().is_dir():
            yield examine_named("draft_model", name)
            settings = settings.replace(draft_model=NONE)
        add_drafters(Shared(), settings, target, tokens)
    except (SpandraftError, DecodingError) as error:
        cause, hint = as_user_error(error) or (str(error), "")
        yield Finding("drafters", "fail", cause, hint)
        return
    used = ", ".join(f"{key} {written(getattr(given, key))}" for key in given.given)
    yield Finding("drafters", "ok", f"sources: {', '.join(sources)}{f'; {used}' if used else ''}")
