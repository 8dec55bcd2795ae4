"""The options that commands share: settings as flags, ``--set``, ``--config``, ``--json``; and paths as arguments.

A flag that stands for a setting has the setting's name, and argparse leaves it out of the namespace unless it
was given, so that nothing typed is lost and nothing untyped overrides the environment. A path that is wrong or missing
is refused before any work begins.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from app.config.settings import Settings, about, keys
from app.errors import InputError, SettingError, UsageError, nearest

MODEL = ("target", "dtype", "device", "device_map", "quantization_config", "threads", "trust_remote_code")
_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "seed")
_RULES = (
    "repetition_penalty",
    "frequency_penalty",
    "presence_penalty",
    "no_repeat_ngram_size",
    "bad_words",
    "logit_bias",
)
DRAFTERS = ("draft_model", "heads", "parallel_model", "skipped_layers")
GENERATION = (
    "max_new_tokens",
    "min_new_tokens",
    "do_sample",
    *_SAMPLING,
    *_RULES,
    "criterion",
    *DRAFTERS,
    "sources",
    "budget",
)
SEARCH = ("corpus", "encoder", "k")
_OF_CRITERION = {
    "typical_epsilon": "typical",
    "typical_delta": "typical",
    "top_beta": "top-beta-tau",
    "top_tau": "top-beta-tau",
}
_SWITCHES = frozenset({"do_sample", "trust_remote_code"})
# What argparse says of wrong arguments.
_MISSING = re.compile(r"the following arguments are required: (.*)", re.DOTALL)
_NO_CHOICE = re.compile(r"argument (.+?): invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)
_NO_VALUE = re.compile(r"argument (.+?): expected (?:one|at least one) argument")
_WRONG_TYPE = re.compile(r"argument (.+?): invalid (\w+) value: '(.*)'", re.DOTALL)
_EXCLUSIVE = re.compile(r"argument (.+?): not allowed with argument (.+)")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes no abbreviations and raises ``UsageError`` instead of exiting."""

    def __init__(self, **options: object) -> None:
        super().__init__(allow_abbrev=False, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Called by argparse for wrong arguments. Raises ``UsageError``, in the style of our other messages."""
        see_help = f"see `{self.prog} --help`"
        if match := _MISSING.fullmatch(message):
            missing = match[1].split(", ")
            raise UsageError(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing", hint=see_help)
        if match := _NO_CHOICE.fullmatch(message):
            name, typed, choices = match[1], match[2], match[3].replace("'", "").split(", ")
            is_option = name.startswith("-")
            near = nearest(typed, choices)
            cause = f'{name} cannot be "{typed}"' if is_option else f'there is no {name.lower()} "{typed}"'
            hint = f'did you mean "{near}"?' if near else f"there are: {', '.join(choices)}"
            raise UsageError(cause, hint=hint)
        if match := _NO_VALUE.fullmatch(message):
            raise UsageError(f"{match[1]} needs a value", hint=see_help)
        if match := _WRONG_TYPE.fullmatch(message):
            kind = {"int": "a whole number", "float": "a number"}.get(match[2], f"a {match[2]}")
            raise UsageError(f'{match[1]} cannot be "{match[3]}"', hint=f"{match[1]} must be {kind}")
        if match := _EXCLUSIVE.fullmatch(message):
            raise UsageError(f"{match[1]} and {match[2]} exclude each other", hint="leave one of the two out")
        raise UsageError(message, hint=see_help)


def add_common(parser: argparse.ArgumentParser, settings: Iterable[str] = ()) -> None:
    """Add what every command has, and one flag for each of ``settings``."""
    group = parser.add_argument_group("settings")
    for key in settings:
        flag = "--" + key.replace("_", "-")
        if key in _SWITCHES:
            group.add_argument(
                flag, dest=key, action="store_const", const="true", default=argparse.SUPPRESS, help=about(key)
            )
        else:
            metavar = key.rsplit("_", 1)[-1].upper()
            group.add_argument(flag, dest=key, metavar=metavar, default=argparse.SUPPRESS, help=about(key))
    group.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any setting, several times")
    group.add_argument("--config", type=Path, metavar="FILE", help="settings file instead of the usual one")
    parser.add_argument("--json", action="store_true", help="print exactly one JSON document")
    parser.set_defaults(parser=parser)
    parser.add_argument("--verbose", action="store_true", help="show where an unexpected error came from")


def add_no_speculation(parser: argparse.ArgumentParser) -> None:
    """Add ``--no-speculation``."""
    parser.add_argument(
        "--no-speculation",
        dest="speculate",
        action="store_const",
        const="false",
        default=argparse.SUPPRESS,
        help="do not draft: the same output, slower",
    )


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings of this run. Raises ``SettingError``."""
    given: dict[str, object] = {key: value for key, value in vars(args).items() if key in keys() and value is not None}
    for pair in args.set:
        key, sign, value = pair.partition("=")
        if not sign:
            raise SettingError(f'--set "{pair}" sets nothing', hint="write --set KEY=VALUE, for example --set k=3")
        if key in given:
            raise SettingError(f"{key} is set twice", hint="say it once")
        given[key] = value
    settings = Settings.load(given, config_file=args.config)
    _refuse_unused(given, settings)
    return settings


def _refuse_unused(given: Mapping[str, object], settings: Settings) -> None:
    """Refuse an option of sampling, or of a criterion, that is not in use: nothing that is set is silently ignored."""
    for key in given:
        if key in _SAMPLING and not settings.do_sample:
            raise SettingError(f"{key} is set but do_sample is off", hint="add --do-sample, or leave it out")
        criterion = _OF_CRITERION.get(key, settings.criterion)
        if criterion != settings.criterion:
            raise SettingError(
                f"{key} is set but the criterion is {settings.criterion}", hint=f"add --criterion {criterion}"
            )


def given_path(text: str) -> Path:
    """The path of an argument. An empty one, say of an unset variable, does not mean the current folder.

    Raises ``UsageError``.
    """
    if not text.strip():
        raise UsageError(f'"{text}" is no path', hint="name a file or a folder; . is the folder you are in")
    return Path(text)


def require_there(paths: Sequence[Path], *, all_of_them: bool) -> None:
    """Raise ``InputError`` unless there is something to read: at one of the paths, or at each."""
    missing = [path for path in paths if not os.path.lexists(path)]
    if not missing or (len(missing) < len(paths) and not all_of_them):
        return
    first = missing[0]
    cause = f"{first} does not exist" + (f", nor do {len(missing) - 1} more" if len(missing) > 1 else "")
    near = nearest(first.name, _beside(first))
    if near is not None:
        hint = f"did you mean {first.with_name(near)}?"
    elif all_of_them:
        hint = "see whether its disk is there; to take documents out of the corpus: spandraft corpus remove"
    else:
        hint = "check the path"
    raise InputError(cause, hint=hint)


def require_folder_of(path: Path) -> None:
    """Raise ``InputError`` unless a file can be made at ``path``, as far as its folder goes."""
    if not path.parent.is_dir():
        what = "is no folder" if path.parent.exists() else "does not exist"
        raise InputError(f"the folder {path.parent} {what}", hint="make it first, or choose another place")


def _beside(path: Path) -> list[str]:
    try:
        return [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return []  # Without its folder there is nothing that may have been meant.
