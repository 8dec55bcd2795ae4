"""``spandraft models``: the language models of this machine; ``get``, ``import`` and ``remove`` them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.options import add_common, given_path
from app.commands.terminal import Terminal
from app.config.settings import SMOLLM2, TINY, Settings
from app.errors import unknown
from app.output.formatting import amount

if TYPE_CHECKING:
    from app.model_store.records import ModelRecord

_TINY_LICENCE = "CC-BY-SA-4.0"
_HERE, _NOT_YET, _ABSENT = "here", "not converted yet", "not here"


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    state: str
    size_bytes: int
    licence: str | None
    origin: str

    @property
    def cells(self) -> tuple[str, ...]:
        size = amount(self.size_bytes) if self.size_bytes else ""
        return self.name, self.state, size, self.licence or "not named", self.origin


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``models`` and its actions."""
    models = commands.add_parser("models", help="language models on this machine: list, get, import, remove")
    add_common(models)
    models.set_defaults(run=_list)
    actions = models.add_subparsers(metavar="ACTION")
    get = actions.add_parser("get", help="fetch a model and convert it")
    get.add_argument("name", help=f"{SMOLLM2}")
    add_common(get)
    get.set_defaults(run=_get)
    import_ = actions.add_parser("import", help="convert a GGUF file, as Ollama and LM Studio keep them")
    import_.add_argument("file", type=given_path, help="FILE.gguf")
    import_.add_argument("--name", help="what to call it (default: the file's name, with a few digits)")
    add_common(import_)
    import_.set_defaults(run=_import)
    remove = actions.add_parser("remove", help="delete a converted model")
    remove.add_argument("name", help="its name in `spandraft models`")
    add_common(remove)
    remove.set_defaults(run=_remove)


def _list(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.model_store.choice import target_name

    rows = list(_rows(settings))
    used = target_name(settings)
    if terminal.json:
        models = [
            {
                "name": row.name,
                "state": row.state,
                "bytes": row.size_bytes,
                "licence": row.licence,
                "origin": row.origin,
            }
            for row in rows
        ]
        terminal.document({"models": models, "target": used})
        return 0
    terminal.table([("model", "state", "size", "licence", "where from"), *(row.cells for row in rows)])
    how = "as it is set" if used == settings.target else f"as target is {settings.target}"
    terminal.line(f"{used} writes, {how}.")
    return 0


def _rows(settings: Settings) -> list[_Row]:
    from app.loading.bundled import TARGET, bundled_folder, has_weights
    from app.model_store import smollm2
    from app.model_store.store import ModelStore

    store = ModelStore(settings.home)
    rows = []
    if store.record(SMOLLM2) is None:
        is_installed = smollm2.installed_file() is not None
        state = _NOT_YET if is_installed and not store.was_removed(SMOLLM2) else f"{_ABSENT}: {smollm2.GET}"
        rows.append(_Row(SMOLLM2, state, 0, smollm2.LICENCE, smollm2.ORIGIN))
    rows += [_row(record) for record in store.records()]
    rows += [_Row(name, "damaged: remove it", 0, None, "") for name in store.unreadable() if name != SMOLLM2]
    tiny = bundled_folder(TARGET)
    size_bytes = sum(file.stat().st_size for file in tiny.glob("*.safetensors"))
    state = _HERE if has_weights(tiny) else "not in this installation"
    rows.append(_Row(TINY, state, size_bytes, _TINY_LICENCE, "comes with Spandraft"))
    return rows


def _row(record: ModelRecord) -> _Row:
    return _Row(record.name, _HERE, record.weights_bytes, record.licence, record.origin)


def _get(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.model_store.choice import get_smollm2

    if args.name != SMOLLM2:
        raise unknown("model to get", args.name, [SMOLLM2])
    return _done(get_smollm2(settings, report=terminal.note, may_fetch=True), terminal)


def _import(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.model_store.store import ModelStore

    file: Path = args.file.expanduser()
    store = ModelStore(settings.home)
    return _done(store.add(file, args.name, origin=str(file.absolute()), report=terminal.note), terminal)


def _remove(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.model_store.smollm2 import GET
    from app.model_store.store import ModelStore

    freed_bytes = ModelStore(settings.home).remove(args.name)
    if terminal.json:
        terminal.document({"removed": args.name, "freed_bytes": freed_bytes})
        return 0
    again = f" The small target writes now; to get it again: {GET}" if args.name == SMOLLM2 else ""
    terminal.line(f"Removed {args.name}: {amount(freed_bytes)} are free again.{again}")
    return 0


def _done(record: ModelRecord, terminal: Terminal) -> int:
    if terminal.json:
        terminal.document(
            {
                "name": record.name,
                "bytes": record.weights_bytes,
                "dtype": record.dtype,
                "parameters": record.parameters,
                "architecture": record.architecture,
                "quantization": record.quantization,
                "licence": record.licence,
                "origin": record.origin,
                "sha256": record.source_sha256,
            }
        )
        return 0
    licence = f"licence {record.licence}" if record.licence else "its file names no licence"
    terminal.line(f"{record.name} is here: {amount(record.weights_bytes)} in {record.dtype}, {licence}.")
    terminal.line(f"Use it with --target {record.name}")
    return 0
