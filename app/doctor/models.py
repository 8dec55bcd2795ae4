"""The doctor's look at models: are the files there, are they the ones that were shipped, how big are they.

Loads no model and downloads nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from app.bundled import DRAFTERS, TARGET, bundled_folder, has_weights
from app.doctor.findings import Finding
from app.settings import BUNDLED, Settings

_TARGET_FILES = ("config.json", "tokenizer.json", "model.safetensors")
_SUMS = "SHA256SUMS"
_MIB = 2**20


def examine_models(settings: Settings) -> Iterator[Finding]:
    """The target's line, the encoder's line, and one for each bundled drafter."""
    yield (
        examine_bundled_target(bundled_folder(TARGET))
        if settings.target == BUNDLED
        else examine_named("target", settings.target)
    )
    yield _bundled_encoder() if settings.encoder == BUNDLED else examine_named("encoder", settings.encoder)
    for key, part in DRAFTERS.items():
        if bundled_folder(part).is_dir():
            yield _intact(key, bundled_folder(part))


def examine_bundled_target(folder: Path) -> Finding:
    """Are all its files there, and are they the ones in ``SHA256SUMS``?"""
    missing = [name for name in _TARGET_FILES if not (folder / name).is_file()]
    if missing:
        return Finding("target", "fail", f"bundled, but {', '.join(missing)} is missing", "install Spandraft again")
    return _intact("target", folder)


def _intact(what: str, folder: Path) -> Finding:
    """Are the files of a bundled part the ones in ``SHA256SUMS``?"""
    sums = _sums(folder)
    for name, expected in sums:
        if not (folder / name).is_file():
            return Finding(what, "fail", f"bundled, but {name} is missing", "install Spandraft again")
        if _sha256(folder / name) != expected:
            hint = "it was damaged or replaced: install Spandraft again"
            return Finding(what, "fail", f"bundled, but {name} is not the file that was shipped", hint)
    if not has_weights(folder):
        return Finding(what, "fail", f"bundled, but {folder} has no weights", "install Spandraft again")
    return Finding(what, "ok", f"bundled, {_size(folder)}{', checksums right' if sums else ''}")


def _bundled_encoder() -> Finding:
    from retrieval.files import find_encoder

    files = find_encoder(BUNDLED)
    files.verify()
    return Finding("encoder", "ok", f"{files.name}, {_size(files.folder)}, checksum right")


def examine_named(what: str, name: str) -> Finding:
    """Is there a model folder of that name, with safetensors, or could it be a name on the hub?"""
    folder = Path(name).expanduser()
    if folder.is_dir():
        if any(folder.rglob("*.safetensors")):
            return Finding(what, "ok", f"{folder}, {_size(folder)}")
        hint = "save the model as safetensors, or name another folder"
        return Finding(what, "fail", f"{folder} has no *.safetensors file", hint)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return Finding(what, "ok", f"{name}, a name on the hub; the doctor does not look it up")
    return Finding(what, "fail", f"there is no model folder {name}", "check the path, or give a name like owner/model")


def _sums(folder: Path) -> list[tuple[str, str]]:
    """File names with the digests that were shipped beside them."""
    file = folder / _SUMS
    if not file.is_file():
        return []
    pairs = [line.split(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(name.lstrip("*"), digest) for digest, name in pairs]


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _size(folder: Path) -> str:
    size_bytes = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    return f"{size_bytes / _MIB:.0f} MiB of weights"
