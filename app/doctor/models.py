"""Checks the files of models: are they there, are they the ones that were shipped, how big are they.

Loads no model and downloads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from app.config.settings import AUTO, BUNDLED, NONE, SMOLLM2, TINY, Settings
from app.doctor.installation import Finding
from app.errors import as_user_error
from app.loading.bundled import DRAFTERS, MODELS, TARGET, bundled_folder, has_weights, read_sums, strangers
from app.loading.edit_proposer import edit_proposer
from app.loading.search_models import SearchModels
from app.model_store.checksum import sha256
from app.model_store.choice import convert_again, is_file, stored_path, target_name
from app.model_store.gguf_file import read_gguf
from app.model_store.smollm2 import GET, installed_file
from app.model_store.store import ModelStore

_TARGET_FILES = ("config.json", "tokenizer.json", "model.safetensors")
_MIB = 2**20


def examine_models(settings: Settings) -> Iterator[Finding]:
    """Check target and encoder, each bundled drafter, and the bundled helpers."""
    yield from examine_store(ModelStore(settings.home))
    yield _target(settings)
    yield _bundled_encoder() if settings.encoder == BUNDLED else examine_named("encoder", settings.encoder)
    for key, part in DRAFTERS.items():
        if bundled_folder(part).is_dir():
            yield _intact(key, bundled_folder(part))
    yield examine_helpers(MODELS)
    yield from _examine_named_helpers(settings)


def examine_store(store: ModelStore) -> Iterator[Finding]:
    """Check every converted model against its checksums, and look for what killed processes have left."""
    for name in [*(record.name for record in store.records()), *store.unreadable()]:
        problem = store.damage(name)
        if problem is not None:
            yield Finding(f"model {name}", "fail", f"{name} {problem}", convert_again(name))
        else:
            record = store.record(name)
            assert record is not None, "it is not damaged"
            size = f"{record.weights_bytes / _MIB:.0f} MiB of weights in {record.dtype}"
            yield Finding(f"model {name}", "ok", f"{size}, checksum right; {record.origin}")
    store.tidy()
    if left := store.leftovers():
        what = f"{left[0].name} is unfinished: a process is at work, or what it left cannot be deleted"
        yield Finding("models", "warn", what, f"if no process is converting, delete {left[0]}")


def _target(settings: Settings) -> Finding:
    """The target that a run would take, and why; its files unless it is one of the store."""
    name = target_name(settings)
    if name == TINY:
        found = examine_bundled_target(bundled_folder(TARGET))
        if settings.target != AUTO or found.status != "ok":
            return found
        return Finding("target", "warn", f"tiny, as target is auto and SmolLM2 is not here; {found.detail}", GET)
    stored = stored_path(name, settings.home)
    why = ", as target is auto" if settings.target == AUTO else ""
    if stored is not None:
        return Finding("target", "ok", f"{name}{why}: {stored}")
    if name == SMOLLM2 and installed_file() is not None:
        return Finding("target", "ok", f"{name}{why}: in its wheel, converted when it is first used")
    if name == SMOLLM2:
        return Finding("target", "fail", "SmolLM2 is not on this machine", GET)
    if is_file(name):
        return _gguf(Path(name).expanduser())
    return examine_named("target", name)


def _gguf(file: Path) -> Finding:
    gguf = read_gguf(file)
    what = f"{gguf.architecture}, {gguf.quantization}, {gguf.parameters / 1e6:,.0f} million weights"
    return Finding("target", "ok", f"{file}: {what}; converted when it is first used")


def _examine_named_helpers(settings: Settings) -> Iterator[Finding]:
    """Check that a scorer of evidence and an edit proposer that the settings name can be used."""
    checks: dict[str, Callable[[], object]] = {
        "relevance": lambda: SearchModels(settings).relevance(),
        "edit_proposer": lambda: edit_proposer(settings),
    }
    for key, use in checks.items():
        name = getattr(settings, key)
        if name in (None, BUNDLED, NONE):
            continue
        try:
            use()
        except Exception as error:  # noqa: BLE001  # whatever is wrong with it is the finding
            cause, hint = as_user_error(error) or (f"unexpected {type(error).__name__}: {error}", "please report it")
            yield Finding(key, "fail", cause, hint)
        else:
            yield Finding(key, "ok", str(name))


def examine_bundled_target(folder: Path) -> Finding:
    """Check that all files of the bundled target are there, and are the ones in ``SHA256SUMS``."""
    missing = [name for name in _TARGET_FILES if not (folder / name).is_file()]
    if missing:
        return Finding("target", "fail", f"bundled, but {', '.join(missing)} is missing", "install Spandraft again")
    return _intact("target", folder)


def _intact(what: str, folder: Path) -> Finding:
    """Check that the files of a bundled part are the ones in ``SHA256SUMS``."""
    sums = read_sums(folder)
    for name, expected in sums.items():
        if not (folder / name).is_file():
            return Finding(what, "fail", f"bundled, but {name} is missing", "install Spandraft again")
        if sha256(folder / name) != expected:
            hint = "it was damaged or replaced: install Spandraft again"
            return Finding(what, "fail", f"bundled, but {name} is not the file that was shipped", hint)
    if not has_weights(folder):
        return Finding(what, "fail", f"bundled, but {folder} has no weights", "install Spandraft again")
    return Finding(what, "ok", f"bundled, {_size(folder)}{', checksums right' if sums else ''}")


def examine_helpers(models: Path) -> Finding:
    """Check that relevance scorer, cross-encoder, edit tagger, phrases and biases are the ones that were shipped."""
    wrong = [f"{name} {problem}" for name, problem in strangers(models)]
    if wrong:
        hint = "damaged or replaced: install Spandraft again; if you made it yourself: `python -m app.loading.bundled`"
        return Finding("helpers", "fail", f"bundled, but {' and '.join(wrong)}", hint)
    what = "relevance scorer, cross-encoder, edit tagger, phrases, biases"
    return Finding("helpers", "ok", f"bundled: {what}; checksums right")


def _bundled_encoder() -> Finding:
    from retrieval.encoder_files import find_encoder

    files = find_encoder(BUNDLED)
    files.verify()
    return Finding("encoder", "ok", f"{files.name}, {_size(files.folder)}, checksum right")


def examine_named(what: str, name: str) -> Finding:
    """Check that there is a model folder of that name, with safetensors, or that it may be a name on the hub."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        if any(folder.rglob("*.safetensors")):
            return Finding(what, "ok", f"{folder}, {_size(folder)}")
        hint = "save the model as safetensors, or name another folder"
        return Finding(what, "fail", f"{folder} has no *.safetensors file", hint)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return Finding(what, "ok", f"{name}, a name on the hub; the doctor does not look it up")
    return Finding(what, "fail", f"there is no model folder {name}", "check the path, or give a name like owner/model")


def _size(folder: Path) -> str:
    size_bytes = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    return f"{size_bytes / _MIB:.0f} MiB of weights"
