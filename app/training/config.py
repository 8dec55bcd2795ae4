"""A training configuration, read from TOML: models' shapes and stages in order; and where a run keeps its results.

Knows what may stand in the file and the folders of a run. Must not know what the stages' objectives compute. Unknown
keys are refused.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from app.errors import nearest
from app.loading.bundled import TARGET, bundled_folder
from app.training.errors import ConfigError
from app.training.examples.answers import AnswerMix
from app.training.examples.grammar import GrammarMix
from app.training.loop.plan import Plan
from app.training.model import Shape

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


BUNDLED = "bundled"
"""Names the bundled target where a stage names a model."""
NAMED = ("cpu", "cuda", "tiny")
KINDS = ("copying", "tasks", "sequence", "token", "refresh", "heads", "parallel")

_RESULT = "model"

Options = TypeVar("Options", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `begin` names its first weights, `target` the target that it learns from; see `result_of`."""

    name: str
    kind: str
    plan: Plan
    shape: Shape | None = None
    begin: str = ""
    target: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    answer_mix: AnswerMix = field(default_factory=AnswerMix)
    grammar_mix: GrammarMix = field(default_factory=GrammarMix)
    error_counts: tuple[float, ...] = (4.0, 3.5, 2.0, 1.0)

    def read_options(self, kind: type[Options]) -> Options:
        """`options` as a dataclass of the stage's kind. Raises ConfigError for an unknown key or another type."""
        return _read(kind, self.options, f"stages.{self.name}.options")

    def required_shape(self) -> Shape:
        """The shape of the model that it trains. Raises ConfigError if the stage names no model."""
        if self.shape is None:
            raise ConfigError(f"the stage {self.name} names no model", hint='write model = "target" or "draft"')
        return self.shape

    def check_shape(self, begun: Shape) -> None:
        """Raise ConfigError if the weights that it begins with are of another shape."""
        if begun != self.shape:
            raise ConfigError(
                f"the stage {self.name} begins with {self.begin}, which is of another shape: {begun}",
                hint="give the model that shape in the configuration, or begin with another",
            )

    def identity(self) -> dict[str, str]:
        """Everything that decides what the stage learns, by name; a checkpoint must agree with it."""
        out: dict[str, str] = {"stage": self.name, "kind": self.kind, "begin": self.begin, "target": self.target}
        out |= {key: str(value) for key, value in self.plan.identity().items()}
        for prefix, part in (("shape", self.shape), ("answers", self.answer_mix), ("grammar", self.grammar_mix)):
            out |= {f"{prefix}.{key}": str(value) for key, value in (asdict(part) if part else {}).items()}
        out |= {f"options.{key}": str(value) for key, value in self.options.items()}
        return out | {"error_counts": str(self.error_counts)}


@dataclass(frozen=True, slots=True)
class Config:
    """All stages, in the order in which they are run."""

    stages: tuple[Stage, ...]

    def stage(self, name: str) -> Stage:
        """The stage of that name. Raises ConfigError."""
        names = [stage.name for stage in self.stages]
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {near}?" if near else f"its stages are {', '.join(names)}"
            raise ConfigError(f"the configuration has no stage {name}", hint=hint)
        return self.stages[names.index(name)]


def load(name: str, changes: Sequence[str] = ()) -> Config:
    """A bundled configuration by its name, or a file; `changes` are "KEY=VALUE" with dotted keys and TOML values.

    Raises ConfigError.
    """
    path = Path(__file__).parent / "configs" / f"{name}.toml" if name in NAMED else Path(name)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        for change in changes:
            _change(document, change)
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no training configuration {name}", hint=f"name a file, or one of {', '.join(NAMED)}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="it has to be TOML in UTF-8") from error
    return _config(document)


def result_of(where: str, run: Path) -> Path:
    """The folder of a model: `where` is a stage of this run, "bundled" (the target of the package), or a folder."""
    if where == BUNDLED:
        return bundled_folder(TARGET)
    if "/" in where or where.startswith("."):
        return Path(where)
    own = run / where / _RESULT
    return own if own.exists() or not Path(where).is_dir() else Path(where)


def stage_folder(name: str, run: Path) -> Path:
    """The folder with checkpoint, log and result of a stage."""
    return run / name


def _config(document: Mapping[str, Any]) -> Config:
    _refuse_unknown(document, ("seed", "plan", "models", "answers", "grammar", "errors", "stages"), "the configuration")
    shapes = {name: _shape(name, table) for name, table in document.get("models", {}).items()}
    shared: dict[str, Any] = {
        "answer_mix": _read(AnswerMix, document.get("answers", {}), "answers"),
        "grammar_mix": _read(GrammarMix, document.get("grammar", {}), "grammar"),
    }
    errors = document.get("errors", {})
    _refuse_unknown(errors, ("counts",), "errors")
    if "counts" in errors:
        shared["error_counts"] = tuple(float(count) for count in errors["counts"])
    stages = document.get("stages", {})
    if not stages:
        raise ConfigError("the configuration has no stages", hint="write one table [stages.NAME] for each")
    plan = {"seed": document.get("seed", 0)} | document.get("plan", {})
    return Config(tuple(_stage(name, table, shapes, shared, plan) for name, table in stages.items()))


def _shape(name: str, table: Mapping[str, Any]) -> Shape:
    shape = _read(Shape, table, f"models.{name}")
    if min(shape.layers, shape.heads, shape.intermediate) < 1 or shape.hidden % (2 * shape.heads):
        raise ConfigError(
            f"models.{name} is no shape: hidden {shape.hidden}, heads {shape.heads}",
            hint="hidden has to be a multiple of twice the heads, and nothing 0",
        )
    return shape


def _stage(
    name: str,
    table: Mapping[str, Any],
    shapes: Mapping[str, Shape],
    shared: Mapping[str, Any],
    common: Mapping[str, Any],
) -> Stage:
    own = ("kind", "model", "begin", "target", "options")
    kind, model = table.get("kind", ""), table.get("model", "")
    if kind not in KINDS:
        raise ConfigError(f"the stage {name} is of no known kind: {kind!r}", hint=f"kinds are {', '.join(KINDS)}")
    if model and model not in shapes:
        raise ConfigError(f"the stage {name} names a model that is not there: {model}", hint="add [models.NAME]")
    plan = {**common, **{key: value for key, value in table.items() if key not in own}}
    read = _read(Plan, plan, f"stages.{name}")
    _check_plan(read, f"stages.{name}")
    return Stage(
        name=name,
        kind=kind,
        plan=read,
        shape=shapes.get(model),
        begin=table.get("begin", ""),
        target=table.get("target", ""),
        options=table.get("options", {}),
        **shared,
    )


def _read(kind: type[Options], table: Mapping[str, Any], where: str) -> Options:
    """A flat dataclass of numbers and texts. An integer is taken for a float; nothing else is converted."""
    expected = {f.name: f for f in fields(kind)}
    types = get_type_hints(kind)
    _refuse_unknown(table, tuple(expected), where)
    values = {key: _value(value, types[key], f"{where}.{key}") for key, value in table.items()}
    needed = [f.name for f in expected.values() if f.default is MISSING and f.default_factory is MISSING]
    lacking = [key for key in needed if key not in values]
    if lacking:
        raise ConfigError(f"{where} lacks {', '.join(lacking)}", hint="add it")
    return kind(**values)


def _value(value: Any, expected: Any, where: str) -> Any:
    if get_origin(expected) is Literal:
        if value not in get_args(expected):
            raise ConfigError(f"{where} is {value!r}", hint=f"write one of {', '.join(get_args(expected))}")
        return value
    if expected is float and type(value) is int:
        return float(value)
    if get_origin(expected) is tuple and type(value) is list:
        return tuple(value)
    if type(value) is not expected:
        raise ConfigError(
            f"{where} is {value!r}", hint=f"it has to be of type {getattr(expected, '__name__', expected)}"
        )
    return value


def _check_plan(plan: Plan, where: str) -> None:
    """Refuse numbers with which no run would begin, or end."""
    for key, least in (("steps", 1), ("tokens", 1), ("batches", 1), ("checkpoint_every", 1), ("log_every", 1)):
        if getattr(plan, key) < least:
            raise ConfigError(f"{where}.{key} is {getattr(plan, key)}", hint=f"it has to be {least} at least")
    if not 0 <= plan.decay <= 1:
        raise ConfigError(f"{where}.decay is {plan.decay}", hint="it is a share of the steps: from 0 to 1")


def _refuse_unknown(table: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    for key in table:
        if key not in keys:
            near = nearest(key, keys)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(keys)}"
            raise ConfigError(f"{where} has a key that means nothing here: {key}", hint=hint)


def _change(document: dict[str, Any], change: str) -> None:
    key, sign, text = change.partition("=")
    if not sign:
        raise ConfigError(f"--change {change} changes nothing", hint="write --change stages.tasks.steps=800")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, last = key.split(".")
    inner = document
    for name in tables:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--change {key}: {name} is no table", hint="write --change stages.tasks.steps=800")
    inner[last] = value
