"""``spandraft config show`` lists every setting with its value, and with ``--origin`` where the value came from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from app.commands.options import add_common
from app.commands.terminal import Terminal
from app.config.settings import AUTO, SettingRow, Settings
from app.model_store.choice import target_name


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``config show``."""
    config = commands.add_parser("config", help="show the settings")
    actions = config.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="every setting and its value")
    show.add_argument("--origin", action="store_true", help="say where each value came from")
    add_common(show)
    show.set_defaults(run=_show)


def _show(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    rows = _rows(settings)
    if terminal.json:
        values = [{"key": row.key, "value": row.text, "origin": row.origin, "about": row.about} for row in rows]
        terminal.document({"settings": values, "target": target_name(settings)})
    elif args.origin:
        terminal.table([("setting", "value", "origin"), *((row.key, row.text, row.origin) for row in rows)])
    else:
        terminal.table([("setting", "value", "what it is"), *((row.key, row.text, row.about) for row in rows)])
    if not terminal.json and settings.target == AUTO:
        terminal.note(f"target auto: {target_name(settings)} on this machine")
    return 0


def _rows(settings: Settings) -> list[SettingRow]:
    return list(settings)
