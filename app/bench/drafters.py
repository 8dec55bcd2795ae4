"""``spandraft bench drafters``: each drafter alone, and the tree without and with it, side by side on one target.

    plain                no drafts
    draft-chain, ...     one source: every drafted node is verified, as a published method is run
    tree                 the sources as served, calibrated while they run, cut where drafts stop paying
    tree+draft-model     the same with one or more drafters beside them

The served prompts with the served processors: questions on the sample corpus and texts, or held-out items from FILEs of
`bench answers` (--task answer) or `bench grammar`. The methods take turns item by item, each with an engine of its own
and nothing learned before; of several --repeats the median counts. ``drafting_time`` is a share of the time after
prefill, ``vs_plain`` and ``vs_tree`` say how many times as fast a method was in that; ``equal``: plain decoding's
output.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.answering.stream import answer_request
from app.bench.methods import PARTS, drafter_flags, without_history
from app.bench.quality import answers, grammar
from app.bench.report import Report, Row, progress
from app.bench.workload.jobs import Job, grammar_job, prompt_jobs
from app.config.generation_options import GenerationOptions
from app.config.settings import AUTO, TINY, Settings
from app.errors import InputError, unknown
from app.loading.sources import (
    CORPUS,
    asked_for,
    drafters_of,
    flag,
    is_drafter,
    setting_of,
    source_names,
    sources_of,
    with_bundled,
)
from app.pipeline import Pipeline
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.cost_model import CostModel
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.sources.table import DEFAULT_SOURCES
from decoding.stats import Stats
from retrieval.interfaces import Retrieved

TASKS = ("answer", "grammar")
SAMPLE = "sample"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("file", type=Path, nargs="*", help="held-out items (default: the bundled prompts)")
    parser.add_argument("--task", choices=TASKS, default="answer", help="what is written")
    parser.add_argument("--n", type=int, default=32, help="items of each file, or prompts (default 32)")
    parser.add_argument("--repeats", type=int, default=3, help="runs over all items (default 3)")
    parser.add_argument(
        "--methods",
        help="some of plain, SOURCE, tree, tree+SOURCE, tree+SOURCE+SOURCE (default: what can be run)",
    )
    parser.add_argument(
        "--no-processors",
        action="store_true",
        help="without quoting and copy bias: no token is forced, so that the drafter is seen alone",
    )


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Run all contenders over all items. Drafters that are not named are the bundled ones, if they are there.

    Raises InputError, UnknownNameError, and what loading raises.
    """
    if args.n < 1 or args.repeats < 1:
        raise InputError("--n and --repeats must be at least 1", hint="for example --n 8 --repeats 3")
    settings = _settings(args, settings)
    given = drafters_of(settings).given
    names = names_of(args.methods) if args.methods else default_names(given)
    require(names, given)
    items = [(file.stem, _read(args.task, file)[: args.n]) for file in args.file]
    pipeline = Pipeline.from_pretrained(settings=settings, corpus=None if items or args.task != "answer" else "sample")
    tree = [name for name in source_names(settings) if not is_drafter(name)]
    contenders = [make_contender(name, pipeline.engine, tree) for name in names]
    sets = {name: _jobs(pipeline, args.task, chosen) for name, chosen in items}
    if not sets:
        sets[SAMPLE] = prompt_jobs(pipeline, args.task, args.n)
    rows = [row for name, job_set in sets.items() for row in rows_of(name, measure(contenders, job_set, args.repeats))]
    return Report.of(_command(args, settings), rows)


@dataclass(slots=True)
class Measured:
    """The runs of one contender: for each job the runs of its requests, one list a repeat."""

    contender: Contender
    jobs: list[list[list[Ran]]] = field(default_factory=list)

    @property
    def outputs(self) -> list[list[tuple[int, ...]]]:
        """The output of every job in every repeat."""
        return [[sum((ran.tokens for ran in runs), ()) for runs in repeats] for repeats in self.jobs]

    @property
    def runs(self) -> list[Ran]:
        """The runs of all requests."""
        return [ran for repeats in self.jobs for runs in repeats for ran in runs]

    @property
    def decode_s(self) -> float:
        """Seconds after prefill: the sum over jobs of the median of the repeats."""
        return sum(statistics.median(sum(ran.decode_s for ran in runs) for runs in repeats) for repeats in self.jobs)


def measure(contenders: Sequence[Contender], jobs: Sequence[Job], repeats: int) -> dict[str, Measured]:
    """Let the contenders run every job in turn, after a run that warms up.

    Raises InputError if there is nothing to run.
    """
    runnable = [job for job in jobs if job.requests]
    if not runnable:
        raise InputError("no item fits the target", hint="give shorter ones, or a --target with a longer context")
    shortest = min(runnable, key=lambda job: sum(len(request.prompt) for request in job.requests))
    measured = {contender.name: Measured(contender, [[] for _ in runnable]) for contender in contenders}
    for contender in contenders:
        for request in shortest.requests:  # First calls allocate and compile.
            contender.run(request)
        progress(f"warmed up {contender.name}")
    for repeat in range(repeats):
        for contender in contenders:
            contender.engine.forget_outputs()  # Equal outputs of the last repeat would be drafted whole.
        for number, job in enumerate(runnable):
            for contender in contenders:
                measured[contender.name].jobs[number].append([contender.run(request) for request in job.requests])
        progress(f"run {repeat + 1} of {repeats}")
    return measured


def rows_of(items: str, measured: Mapping[str, Measured]) -> list[Row]:
    """The figures of each contender beside plain decoding and, where it ran, beside the tree."""
    return [_row(items, runs, measured[PLAIN], measured.get(TREE)) for runs in measured.values()]


def _row(items: str, measured: Measured, plain: Measured, tree: Measured | None) -> Row:
    runs = measured.runs
    forwards = sum(ran.stats.target_forwards for ran in runs)
    drafted = sum(ran.stats.drafted for ran in runs)
    beside_tree = tree is not None and measured.contender.name.startswith(f"{TREE}+")
    return {
        "method": measured.contender.name,
        "items": items,
        "mean_acceptance_length": sum(ran.stats.tokens for ran in runs) / forwards,
        "acceptance_rate": sum(ran.stats.accepted for ran in runs) / drafted if drafted else None,
        "drafting_time": sum(ran.stats.draft_s for ran in runs) / sum(ran.decode_s for ran in runs),
        "vs_plain": plain.decode_s / measured.decode_s,
        "vs_tree": tree.decode_s / measured.decode_s if tree is not None and beside_tree else None,
        "equal": measured.outputs == plain.outputs,
    }


def _settings(args: argparse.Namespace, settings: Settings) -> Settings:
    """The settings, with the bundled drafters where none was named.

    Raises InputError where there is nothing to compare.
    """
    if settings.criterion != "exact-match":
        raise InputError(
            f"drafters are compared by equal outputs, and the criterion {settings.criterion} changes them",
            hint="leave the criterion out; `spandraft bench criteria` compares criteria",
        )
    if settings.target == AUTO and not asked_for(settings):
        settings = settings.replace(target=TINY)  # The bundled drafters are its own.
    chosen = with_bundled(settings)
    if not drafters_of(chosen).given:
        flags = ", ".join(part.flag for part in PARTS.values())
        raise InputError("there is no drafter to measure", hint=f"name one or more: {flags}")
    return chosen.replace(quote=False, copy_bias=0.0) if args.no_processors else chosen


def _read(task: str, file: Path) -> Sequence[answers.AnswerItem | grammar.GrammarItem]:
    return answers.read_items(file) if task == "answer" else grammar.read_items(file)


def _jobs(pipeline: Pipeline, task: str, items: Sequence[answers.AnswerItem | grammar.GrammarItem]) -> list[Job]:
    return [
        _answer_job(pipeline, item)
        if isinstance(item, answers.AnswerItem)
        else grammar_job(pipeline, grammar.as_written(item.source))
        for item in items
    ]


def _answer_job(pipeline: Pipeline, item: answers.AnswerItem) -> Job:
    """The request of answering an item from its own passages."""
    settings, builder = pipeline.settings, pipeline.builder
    hits = answers.hits_of(item)
    evidence = pipeline.find_evidence(item.question, hits, settings.evidence_sentences)
    options = builder.resolve(GenerationOptions(), builder.mode(item.question))
    prompt = builder.answer_prompt(item.question, Retrieved(tuple(hits), tuple(evidence)), options)
    return Job((answer_request(builder, prompt, options),))


def _command(args: argparse.Namespace, settings: Settings) -> str:
    """The command that repeats this run."""
    words = [*map(str, args.file), f"--task {args.task} --n {args.n} --repeats {args.repeats}"]
    words += [f"--methods {args.methods}"] if args.methods else []
    words += ["--no-processors"] if args.no_processors else []
    for key in ("target", "dtype"):
        if settings.origin(key) != "default":
            words.append(f"{flag(key)} {getattr(settings, key)}")
    return " ".join(["spandraft bench drafters", *words, *drafter_flags(settings)])


PLAIN, TREE = "plain", "tree"


@dataclass(frozen=True, slots=True)
class Ran:
    """One finished request: its output, its counts, and the seconds in all."""

    tokens: tuple[int, ...]
    stats: Stats
    spent_s: float

    @property
    def decode_s(self) -> float:
        """Seconds without the target's prefill; a drafter's own prefill counts."""
        return self.spent_s - self.stats.prefill_s


@dataclass(frozen=True, slots=True)
class Contender:
    """A named way of decoding, with an engine of its own."""

    name: str
    engine: Engine

    def run(self, request: Request) -> Ran:
        """Run one request from its beginning: a prompt in the prefix cache would cost nothing.

        Raises InputError for a draft source that fails.
        """
        self.engine.forget()
        started = time.perf_counter()
        session = self.engine.generate(request, speculate=self.name != PLAIN)
        spent_s = time.perf_counter() - started
        if failed := session.stats.failed_sources:
            raise InputError(f"a draft source failed: {failed}", hint="this is a defect; please report it")
        return Ran(tuple(session.tokens), session.stats, spent_s)


def default_names(given: Sequence[str]) -> list[str]:
    """Plain decoding, all sources of the drafters in ``given``, the tree, the tree with each and with the first two."""
    usual = [sources_of(key)[0] for key in given]
    both = [f"{TREE}+{'+'.join(usual[:2])}"] if len(usual) > 1 else []
    alone = [source for key in given for source in sources_of(key)]
    return [PLAIN, *alone, TREE, *(f"{TREE}+{source}" for source in usual), *both]


def names_of(text: str) -> list[str]:
    """The contenders of a comma-separated list, plain decoding always among them. Raises UnknownNameError."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        _drafters(name)
    return names if PLAIN in names else [PLAIN, *names]


def require(names: Sequence[str], given: Collection[str]) -> None:
    """Raise InputError for a contender whose drafter no setting in ``given`` loads."""
    for name in names:
        for source in _drafters(name):
            if (key := setting_of(source)) is not None and key not in given:
                raise InputError(f"{name} has nothing to draft with", hint=f"name it with {flag(key)}")


def _drafters(name: str) -> list[str]:
    """The drafters of a contender. Raises UnknownNameError."""
    known = [source for part in PARTS.values() for source in sources_of(part.setting)]
    first, *more = name.split("+")
    if name in (PLAIN, TREE):
        return []
    if first != TREE and more:
        raise unknown("contender", name, [f"{TREE}+{name}"])
    for source in more or [first]:
        if source not in known:
            raise unknown("contender", source, [PLAIN, TREE, *known])
    return more or [first]


def make_contender(name: str, served: Engine, sources: Sequence[str] | None = None) -> Contender:
    """A contender on the target of ``served``, whose measured T(n) the tree uses.

    ``sources`` are those of the tree, by default the decoder's and the corpus.
    """
    base = tuple(sources) if sources is not None else (*DEFAULT_SOURCES, CORPUS)
    first, *more = name.split("+")
    is_tree = first == TREE
    names = (*base, *more) if is_tree else () if first == PLAIN else (first,)
    limit, costs = served.budget.limit, served.budget.costs
    engine = Engine(
        served.target,
        sources=names,
        budget=Budget(limit, costs.copy() if is_tree else CostModel()),
        calibration=Calibration(frozen=not is_tree),
        shared=without_history(served.shared),
        graphs=served.graphs,
    )
    return Contender(name, engine)
