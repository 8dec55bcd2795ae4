"""The command ``spandraft``: parses the arguments, reads the settings, runs a sub-command, reports errors in two lines.

Exit codes: 0 done, 1 findings (``fix --check``, ``doctor``), 2 wrong input, 70 a bug of ours, 130 interrupted.
Imports no model library: ``--help`` and wrong arguments are answered at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from app.commands import ask, bench, config, corpus, doctor, fix, models, serve, train
from app.commands.options import Parser, settings_of
from app.commands.terminal import Terminal
from app.config.settings import AUTO, BUNDLED, SMOLLM2, TINY, Settings, keys
from app.errors import UsageError, as_user_error, nearest
from app.loading.environment import pause_collection, resume_collection, wait_passively
from app.output.answer_json import error_document

_WRONG_INPUT, _BUG, _INTERRUPTED, _BROKEN_PIPE = 2, 70, 130, 141
_MODULES = (serve, ask, fix, corpus, models, doctor, bench, train, config)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if argv is None:  # A process of its own.
        argv = sys.argv[1:]
        pause_collection()
    wait_passively()
    terminal = Terminal.of(json="--json" in _before_dashes(argv))
    try:
        return _run(argv, terminal)
    except KeyboardInterrupt:
        if terminal.json:
            _report(terminal, "interrupted", "run it again")
        return _INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return _BROKEN_PIPE
    except Exception as error:  # noqa: BLE001  # the edge of the process: nothing may end in a bare traceback
        user_error = as_user_error(error)
        if user_error is None or "--verbose" in _before_dashes(argv):
            traceback.print_exc()
        cause, hint = user_error or (
            f"unexpected {type(error).__name__}: {error}",
            "this is a bug of Spandraft: please report",
        )
        _report(terminal, cause, hint)
        return _BUG if user_error is None else _WRONG_INPUT


def _run(argv: Sequence[str], terminal: Terminal) -> int:
    args = _parse(argv)
    settings = settings_of(args)
    if not args.answers_once_loaded:
        resume_collection()
    if not _may_download(settings):
        # Loading a local file takes a moment: a progress bar for it is noise.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    # What libraries print must not come before the document on stdout.
    redirected = contextlib.redirect_stdout(sys.stderr) if terminal.json else contextlib.nullcontext()
    with redirected:
        code: int = args.run(args, settings, terminal)
    return code


def _may_download(settings: Settings) -> bool:
    """Whether a model is a name on the hub: neither one of ours nor something on the disk."""
    ours = (AUTO, BUNDLED, SMOLLM2, TINY)
    return any(name not in ours and not Path(name).exists() for name in (settings.target, settings.encoder))


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="spandraft", description="Answers from your documents, and corrects your grammar, fast.")
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show program's version number and exit")
    parser.set_defaults(answers_once_loaded=False)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for module in _MODULES:
        module.add_parsers(commands, argv)
    if argv and not argv[0].startswith("-") and argv[0] not in commands.choices:
        near = nearest(argv[0], commands.choices)
        hint = f"did you mean `spandraft {near}`?" if near else "`spandraft --help` lists the commands"
        raise UsageError(f'there is no command "{argv[0]}"', hint=hint)
    args, unread = parser.parse_known_args(argv)
    if unread:
        following = unread[1] if len(unread) > 1 and not unread[1].startswith("-") else ""
        raise _unknown_argument(unread[0], following, args.parser)
    return args


def _unknown_argument(argument: str, following: str, parser: argparse.ArgumentParser) -> UsageError:
    """The error for an argument that no parser knows; the hint is the nearest option, or how to set that setting.

    ``following`` is the unknown argument behind it, which may be its value; empty if there is none.
    """
    name, _, value = argument.partition("=")
    if not name.startswith("-"):
        return UsageError(f'{parser.prog} has no room for "{argument}"', hint=f"see `{parser.prog} --help`")
    key = name.lstrip("-").replace("-", "_")
    near = nearest(name.lstrip("-"), re.findall(r"--([a-z][a-z-]+)", parser.format_help()))
    if key in keys():
        hint = f"write --set {key}={value or following or 'VALUE'}"
    else:
        hint = f"did you mean --{near}?" if near else f"see `{parser.prog} --help`"
    return UsageError(f"{parser.prog} has no option {name}", hint=hint)


def _report(terminal: Terminal, cause: str, hint: str) -> None:
    """Report cause and remedy, one line each: on stderr, or under ``--json`` as the document on stdout."""
    cause, hint = (" ".join(text.split()) for text in (cause, hint))
    if terminal.json:
        terminal.document(error_document(cause, hint))
    else:
        terminal.note(f"error: {cause}\nhint: {hint}")


def _silence_stdout() -> None:
    """After a broken pipe: without this the interpreter would complain when it flushes stdout at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _before_dashes(argv: Sequence[str]) -> Sequence[str]:
    return argv[: argv.index("--")] if "--" in argv else argv


class _ShowVersion(argparse.Action):
    """argparse's own action would look the version up, which takes time, for every command."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        sys.stdout.write(f"spandraft {_version()}\n")
        parser.exit()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("spandraft")
    except PackageNotFoundError:
        return "(not installed)"
