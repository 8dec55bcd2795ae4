"""Every setting of Spandraft, once: its type, its range, its default, and where the value came from.

Command line > environment (``SPANDRAFT_K=3``) > file (``$SPANDRAFT_HOME/config.toml``) > default. A key that
does not exist is an error wherever it is written. Must not import anything heavy: ``spandraft --help`` goes
through here.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from app.config.parsers import (
    Parser,
    automatic,
    biases,
    choice,
    data_folder,
    decimal,
    flag,
    folder,
    named,
    texts,
    whole,
    whole_numbers,
    words,
    words_or_table,
    written,
)
from app.errors import SettingError, nearest, no_file, quoted

BUNDLED = "bundled"
AUTO, SMOLLM2, TINY = "auto", "smollm2", "tiny"
"""Targets by name; "bundled" is what "tiny" was called before there was another."""
NONE = "none"
QUANTIZATIONS = ("4bit", "8bit")
_ENVIRONMENT = "SPANDRAFT_"
_CONFIG_VARIABLE = "SPANDRAFT_CONFIG"
_PLACE = re.compile(r"\((at (?:line \d+, column \d+|end of document))\)")
_NONE_OR_AUTO = f'"{NONE}" for none; auto: none, too, as no bundled one was measured to pay for itself'


_PROGRAM: Final = "program"


def _no_origins() -> Mapping[str, str]:
    return MappingProxyType({})


def _setting(default: object, parser: Parser, about: str) -> Any:
    return field(default=default, metadata={"parser": parser, "about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Values are checked however the object is made; ``None`` stands for "auto".

    Raises ``SettingError`` for a value of the wrong type or out of range.
    """

    home: Path = field(
        default_factory=data_folder, metadata={"parser": folder, "about": "folder of all data of Spandraft"}
    )
    corpus: str = _setting("sample", words, "corpus that questions are asked of")

    target: str = _setting(
        AUTO,
        named(words, {BUNDLED: TINY}),
        f'model that writes: "{SMOLLM2}", "{TINY}", a folder, a file (.gguf), a name on the hub, or one of `spandraft '
        f"models`; auto: {SMOLLM2} if it is on this machine, else {TINY}",
    )
    encoder: str = _setting(BUNDLED, words, f'model that searches: "{BUNDLED}", a name on the hub, or a folder')
    encoder_dtype: str | None = _setting(
        None,
        automatic(choice("float32", "bfloat16")),
        "number format in which the encoder reads documents, and the cross-encoder the best evidence; auto: bfloat16 "
        "for the bundled ones on a CPU that is faster in it (a cosine of 0.9999 to each vector is left), else float32",
    )
    relevance: str | None = _setting(
        None,
        automatic(words),
        f'file (.npz) of the relevance scorer, which judges evidence without the cross-encoder then, or "{NONE}": by '
        "the encoder's cosines alone; auto: the bundled ones of both with the bundled encoder, cosines with any other",
    )
    edit_proposer: str | None = _setting(
        None,
        automatic(words),
        f'file (.npz, its .safetensors beside it) of the edit proposer, which guesses what to correct, or "{NONE}"; '
        "auto: the bundled one",
    )
    dtype: str | None = _setting(
        None,
        automatic(choice("int8", "float32", "bfloat16", "float16", "float64")),
        "number format of the target; auto is on a CPU int8, where the processor is fast at it, the model is not tiny, "
        "and it is known to be exact whatever is drafted, else float32; on a GPU the model's own",
    )
    device: str | None = _setting(
        None, automatic(words), "device of the target: cpu, cuda, cuda:1 ...; auto takes a GPU if there is one"
    )
    device_map: str = _setting(
        NONE,
        words_or_table(),
        "spread the target over devices instead: auto, balanced, sequential, or a table, as Hugging Face's device_map",
    )
    quantization_config: str = _setting(
        NONE,
        words_or_table(NONE, *QUANTIZATIONS),
        "quantise the target as it loads: 4bit, 8bit (bitsandbytes), or a table, as Hugging Face's",
    )
    threads: int | None = _setting(None, automatic(whole(1, 1024)), "CPU threads; auto leaves it to PyTorch")
    trust_remote_code: bool = _setting(False, flag, "run Python code that comes with a model")

    chunk_chars: int | None = _setting(
        None, automatic(whole(20, 100_000)), "length of a passage in characters, about; auto: as the corpus, 700 if new"
    )
    chunk_overlap: int | None = _setting(
        None, automatic(whole(0, 10)), "sentences that neighbouring passages share; auto: as the corpus, 1 if new"
    )

    k: int = _setting(5, whole(1, 100), "passages to find for a question")
    evidence_sentences: int = _setting(8, whole(1, 64), "sentences of the passages that may go into the prompt")
    evidence_tokens: int = _setting(
        160,
        whole(1, 1_000_000),
        "tokens of the passages that a prompt shows, best sentences first (small target: all)",
    )
    history_tokens: int | None = _setting(
        None,
        automatic(whole(0, 1_000_000)),
        "tokens of the conversation that a prompt shows, latest first; auto: 256 beside passages, 2048 without",
    )

    max_new_tokens: int = _setting(
        256, whole(1, 1_000_000), "most tokens of one output; unless set, 192 for an answer in free words"
    )
    end_repeats: bool = _setting(
        True, flag, "end what is written freely where it repeats a sentence, a line or a phrase"
    )
    do_sample: bool = _setting(False, flag, "draw tokens at random instead of taking the best")
    temperature: float = _setting(
        1.0,
        decimal(0, 100, above_low=True),
        "temperature of sampling: lower keeps to likelier tokens; only with do_sample",
    )
    top_k: int = _setting(0, whole(0, 1_000_000), "sample from the best top_k tokens, 0 for all; only with do_sample")
    top_p: float = _setting(
        1.0,
        decimal(0, 1, above_low=True),
        "sample from the best tokens of this share; only with do_sample",
    )
    min_p: float = _setting(0.0, decimal(0, 1), "drop tokens below this share of the likeliest; only with do_sample")
    seed: int = _setting(0, whole(0, 2**63 - 1), "seed of sampling: the same seed gives the same output")
    repetition_penalty: float | None = _setting(
        None,
        automatic(decimal(0, 100, above_low=True)),
        "penalty for repeating tokens of prompt and output: above 1 repeats less; auto: the model's own",
    )
    frequency_penalty: float = _setting(
        0.0, decimal(-2, 2), "number taken from the logit of a token each time it was written"
    )
    presence_penalty: float = _setting(
        0.0, decimal(-2, 2), "number taken once from the logit of each token that was written"
    )
    no_repeat_ngram_size: int | None = _setting(
        None,
        automatic(whole(0, 1000)),
        "no run of so many tokens may occur twice, 0 for any; auto: the model's own",
    )
    min_new_tokens: int | None = _setting(
        None, automatic(whole(0, 1_000_000)), "fewest tokens of one output; auto: the model's own"
    )
    bad_words: tuple[str, ...] = _setting((), texts, 'texts that may not be written: a,b or ["a", "b"]')
    logit_bias: tuple[tuple[int, float], ...] = _setting(
        (), biases, "numbers added to the logits of tokens: id:number,id:number, from -100 to 100"
    )
    criterion: str = _setting(
        "exact-match",
        choice("exact-match", "speculative-sampling", "typical", "top-beta-tau", old={"one-draw": "exact-match"}),
        "when a draft is accepted: exact-match (exact), speculative-sampling (same distribution, for a sampling draft "
        "model alone), or LOSSY, changing the output: typical, top-beta-tau",
    )
    typical_epsilon: float = _setting(
        0.3, decimal(0, 1, above_low=True), "probability above which the lossy criterion typical always accepts a draft"
    )
    typical_delta: float = _setting(
        0.09,
        decimal(0, 1, above_low=True),
        "share of exp(-entropy) above which the lossy criterion typical accepts a draft, too",
    )
    top_beta: int = _setting(
        3, whole(1, 1_000_000), "lowest rank of a draft that the lossy criterion top-beta-tau accepts"
    )
    top_tau: float = _setting(
        1.0, decimal(0, 1000), "how far below the best logit the lossy criterion top-beta-tau accepts a draft"
    )

    speculate: bool = _setting(True, flag, "draft and verify; off gives the same output, slower")
    draft_model: str | None = _setting(
        None,
        automatic(words),
        f'small model with the target\'s tokenizer that drafts for it: "{BUNDLED}", a name on the hub, or a folder; '
        + _NONE_OR_AUTO,
    )
    heads: str | None = _setting(
        None, automatic(words), f'heads that were trained on the target: "{BUNDLED}", or a folder; {_NONE_OR_AUTO}'
    )
    parallel_model: str | None = _setting(
        None, automatic(words), f'drafter of many tokens at once: "{BUNDLED}", or a folder; {_NONE_OR_AUTO}'
    )
    skipped_layers: tuple[int, ...] = _setting(
        (), whole_numbers(0, 1000), "layers of the target to leave out so that it drafts for itself: 1,3"
    )
    sources: tuple[str, ...] | None = _setting(
        None, automatic(texts), "draft sources, such as blend,edits,corpus; auto: all that may pay"
    )
    budget: int = _setting(96, whole(1, 512), "most draft tokens verified at once")
    max_sessions: int = _setting(8, whole(1, 1024), "most requests that share each forward of the target")
    cuda_graphs: bool = _setting(True, flag, "run forwards as CUDA graphs where there is a GPU; off is slower there")
    max_waiting: int = _setting(
        64, whole(0, 1_000_000), "most requests that may wait for a free session; more are refused"
    )
    quote: bool | None = _setting(
        None,
        automatic(flag),
        "answers quote the evidence and nothing else; auto: of targets made for it, where a fact is asked for",
    )
    copy_bias: float | None = _setting(
        None,
        automatic(decimal(0, 100)),
        "how strongly a correction keeps to the text; auto: the target's own",
    )

    host: str = _setting("127.0.0.1", words, "address the web page is served on")
    port: int = _setting(7860, whole(1, 65535), "port the web page is served on")

    origins: Mapping[str, str] = field(default_factory=_no_origins, compare=False, repr=False)

    def __post_init__(self) -> None:
        origins = dict(self.origins)
        for option in _options():
            value = _parsed(option.name, getattr(self, option.name), self.origins.get(option.name))
            object.__setattr__(self, option.name, value)
            if option.default is not dataclasses.MISSING and value != option.default:
                origins.setdefault(option.name, _PROGRAM)  # A program has given it: it is as set as a flag.
        object.__setattr__(self, "origins", MappingProxyType(origins))

    @classmethod
    def load(
        cls,
        overrides: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        config_file: Path | None = None,
    ) -> Settings:
        """settings from all four sources; ``overrides`` are the command line's, ``environ`` is the process's.

        ``config_file`` must exist if given; without it ``$SPANDRAFT_CONFIG`` counts, else ``config.toml`` in
        the home folder if there is one. Raises ``SettingError``.
        """
        environ = os.environ if environ is None else environ
        given = _known(overrides or {}, "the command line")
        from_environment = _known(_environment(environ), "the environment", as_written=_variable)
        values: dict[str, Any] = {"home": data_folder(environ)} | from_environment | given
        home = Path(str(_parsed("home", values["home"], "SPANDRAFT_HOME" if "home" in from_environment else None)))
        file = _config_path(environ, config_file, home)
        from_file = _known(_read(file), str(file)) if file else {}
        if "home" in from_file:
            raise SettingError(f"{file} sets home", hint="set SPANDRAFT_HOME or --home: the file lies inside it")
        origins = dict.fromkeys(from_file, str(file))
        origins |= {key: _variable(key) for key in from_environment}
        origins |= dict.fromkeys(given, "command line")
        return cls(**(from_file | values), origins=MappingProxyType(origins))

    def replace(self, **changes: object) -> Settings:
        """A copy with other values, which count as the program's own."""
        origins = {**self.origins, **dict.fromkeys(_known(changes, "the program"), _PROGRAM)}
        changed: dict[str, Any] = {**changes, "origins": MappingProxyType(origins)}
        return dataclasses.replace(self, **changed)

    def origin(self, key: str) -> str:
        """Where the value of ``key`` came from: command line, a variable, a file, program or default."""
        return self.origins.get(key, "default")

    def __iter__(self) -> Iterator[SettingRow]:
        """Every setting with its value, its origin and what it is, in the order of this module."""
        for option in _options():
            value = getattr(self, option.name)
            yield SettingRow(option.name, value, self.origin(option.name), option.metadata["about"])


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as ``spandraft config show`` prints it."""

    key: str
    value: str | int | float | bool | Path | tuple[str | int | tuple[int, float], ...] | None
    origin: str
    about: str

    @property
    def text(self) -> str:
        """The value as one would write it on the command line."""
        return written(self.value)


def keys() -> list[str]:
    """The names of all settings."""
    return [option.name for option in _options()]


def about(key: str) -> str:
    """What the setting ``key`` is, in a few words."""
    return str(next(option for option in _options() if option.name == key).metadata["about"])


def _options() -> list[dataclasses.Field[Any]]:
    return [option for option in dataclasses.fields(Settings) if "parser" in option.metadata]


def _parsed(key: str, raw: object, origin: str | None) -> object:
    parser: Parser = next(option for option in _options() if option.name == key).metadata["parser"]
    try:
        return parser(raw)
    except ValueError as problem:
        place = f" ({origin})" if origin and origin != "command line" else ""
        raise SettingError(f"{key} cannot be {quoted(raw)}{place}", hint=f"{key} must be {problem}") from None


def _variable(key: str) -> str:
    return _ENVIRONMENT + key.upper()


def _environment(environ: Mapping[str, str]) -> dict[str, object]:
    return {
        name.removeprefix(_ENVIRONMENT).lower(): value
        for name, value in environ.items()
        if name.startswith(_ENVIRONMENT) and name != _CONFIG_VARIABLE
    }


def _known(values: Mapping[str, object], place: str, *, as_written: Any = str) -> dict[str, Any]:
    """``values``, if every key of it is a setting. ``as_written`` turns a key into what the user typed."""
    known = keys()
    for key in values:
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {as_written(near)}?" if near else "`spandraft config show` lists all settings"
            raise SettingError(f"{place} has an unknown setting: {as_written(key)}", hint=hint)
    return dict(values)


def _config_path(environ: Mapping[str, str], given: Path | None, home: Path) -> Path | None:
    named = given or (Path(environ[_CONFIG_VARIABLE]) if environ.get(_CONFIG_VARIABLE) else None)
    if named is None:
        usual = home / "config.toml"
        return usual if usual.is_file() else None
    if not named.is_file():
        raise SettingError(f"the configuration file {no_file(named)}", hint="check the path, or leave it out")
    return named


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as problem:
        place = _PLACE.search(str(problem))
        cause = f"{file} is not TOML" + (f": look {place[1]}" if place else "")
    except UnicodeDecodeError as problem:
        cause = f"{file} is not UTF-8: byte {problem.start} is 0x{problem.object[problem.start]:02x}"
    except OSError as problem:
        cause = f"{file} cannot be read: {problem.strerror}"
    raise SettingError(cause, hint="write TOML in UTF-8, a setting a line: key = value")
