"""``spandraft bench criteria``: what lossy acceptance costs in quality and diversity, and what it buys in speed.

Every criterion writes the same answers and corrections on the same target; they take turns output by output in one
run, so that a noisy machine is noisy for all of them.
Plain decoding is among them: ``exact-match`` must write its tokens, ``speculative-sampling`` keeps its distribution,
``typical`` and ``top-beta-tau`` keep neither, and gain what is drafted: by the app's own sources, or by --sources.

Quotations are off unless ``--quote on``: with them only spans of the evidence can be written, whatever is accepted,
and a loss shows in nothing but the choice of the sentence. ``typical`` loses nothing at temperature 0, where one
token has all the probability; ``top-beta-tau`` was made for it. Which drafts are verified depends on measured times,
so that lossy rows may differ a little from run to run; the others cannot.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from app.bench import picture
from app.bench.criteria import figures
from app.bench.criteria.scores import row
from app.bench.criteria.tasks import Task, answers_of, bundled_answers, corrections_of, is_grammar
from app.bench.criteria.trial import DEFAULT, PLAIN, SAMPLED, Rule, Trial, Written, rules
from app.bench.report import Report, Row, progress
from app.config.generation_options import GenerationOptions
from app.config.settings import NONE, Settings
from app.errors import InputError, quoted
from app.loading.sources import asked_for, drafters_of, flag, source_names
from app.pipeline import Pipeline
from decoding.interfaces import Sampling

_CHOSEN_HERE = (
    "criterion",
    "temperature",
    "seed",
    "typical_epsilon",
    "typical_delta",
    "top_beta",
    "top_tau",
    "speculate",
)
_TEMPERATURES = "0,0.7,1"
_SEEDS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    about = 'items of "bench answers" or of "bench grammar" (default: the bundled questions and texts)'
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help=about)
    parser.add_argument("--n", type=int, default=None, metavar="N", help="only the first N items of each")
    about = "rules with their thresholds, epsilon/delta or beta/tau"
    parser.add_argument("--criteria", metavar="LIST", help=f"{about} (default {DEFAULT})")
    parser.add_argument(
        "--temperatures", default=_TEMPERATURES, metavar="LIST", help=f"0 is greedy (default {_TEMPERATURES})"
    )
    about = f"outputs of each item where tokens are drawn (default {_SEEDS})"
    parser.add_argument("--seeds", type=int, default=_SEEDS, metavar="N", help=about)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw quality against acceptance length")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Let every rule write all items. Raises InputError, SettingError, and what rules and loading raise."""
    if min(args.seeds, 1 if args.n is None else args.n) < 1:
        raise InputError("--n and --seeds must be at least 1", hint="for example --n 8 --seeds 2")
    temperatures = _temperatures(args.temperatures)
    chosen = rules(args.criteria or DEFAULT)
    settings = _bench_settings(settings)
    sources = sources_for(chosen, settings, is_asked=args.criteria is not None)
    if args.plot is not None:
        picture.require(args.plot)
    pipeline, tasks = _opened(args, settings)
    rows: list[Row] = []
    for temperature in temperatures:
        rows += rows_at(temperature, pipeline, tasks, sources, seeds=args.seeds)
    progress(figures.EXPLAINED)
    report = Report.of(command(args, settings), rows, table=figures.table(rows))
    if args.plot is not None:
        figures.draw(args.plot, report.rows)
    return report


def _temperatures(text: str) -> list[float]:
    try:
        temperatures = list(dict.fromkeys(float(word) for word in text.split(",")))
    except ValueError as error:
        raise InputError(f"--temperatures cannot be {quoted(text)}", hint="write --temperatures 0,0.7,1") from error
    if not all(0 <= temperature < math.inf for temperature in temperatures):
        raise InputError(f"--temperatures cannot be {quoted(text)}", hint="a temperature is 0 or more; 0 is greedy")
    return temperatures


def _bench_settings(settings: Settings) -> Settings:
    """The settings with the values that this bench chooses. Raises InputError if the command line has one of them."""
    for key in _CHOSEN_HERE:
        if settings.origin(key) == "command line":
            raise InputError(
                f"{key} is set, but this bench tries several",
                hint="name them with --criteria, --temperatures, --seeds",
            )
    settings = settings.replace(criterion="exact-match", speculate=True)
    return settings.replace(quote=False) if settings.origin("quote") == "default" else settings


def sources_for(chosen: Sequence[Rule], settings: Settings, *, is_asked: bool) -> dict[Rule, tuple[str, ...]]:
    """The draft sources of each rule; a rule of the default list is left out where it cannot be run.

    Raises SettingError, UnknownNameError.
    """
    # Speculative sampling takes a draft model alone; the other rules keep the other drafters.
    alone = settings.replace(criterion=SAMPLED, heads=NONE, parallel_model=NONE, skipped_layers=())
    sources = {}
    for rule in chosen:
        if rule.family != SAMPLED:
            sources[rule] = source_names(settings)
        elif is_asked or (drafters_of(alone).draft_model is not None and settings.sources is None):
            sources[rule] = source_names(alone)
        else:
            why = "it needs --draft-model" if settings.sources is None else "it takes no --sources"
            progress(f"{SAMPLED} is left out: {why}")
    return sources


def _opened(args: argparse.Namespace, settings: Settings) -> tuple[Pipeline, list[Task]]:
    """The pipeline, and the tasks that it is given."""
    grammar = [file for file in args.files if is_grammar(file)]
    questions = [file for file in args.files if file not in grammar]
    for files in (grammar, questions):
        if len(files) > 1:
            raise InputError(f"{files[0]} and {files[1]} are of one kind", hint="name one file of a kind, or join them")
    pipeline = Pipeline.from_pretrained(settings=settings, corpus=None if args.files else "sample")
    tasks: list[Task] = []
    if questions or not args.files:
        tasks.append(answers_of(questions[0], pipeline, args.n) if questions else bundled_answers(pipeline, args.n))
    if grammar or not args.files:
        tasks.append(corrections_of(grammar[0] if grammar else None, args.n, pipeline.edit_proposer))
    return pipeline, tasks


def command(args: argparse.Namespace, settings: Settings) -> str:
    """The command that repeats this run."""
    words = ["spandraft bench criteria", *map(shlex.quote, map(str, args.files))]
    if args.n is not None:
        words.append(f"--n {args.n}")
    if args.criteria is not None:
        words.append(f"--criteria {args.criteria}")
    words.append(f"--temperatures {args.temperatures} --seeds {args.seeds}")
    shown = {"target", "dtype", "sources", "budget", *asked_for(settings)}
    for given in settings:
        if given.key in shown and given.origin != "default":
            text = ",".join(map(str, given.value)) if isinstance(given.value, tuple) else given.text
            words.append(f"{flag(given.key)} {shlex.quote(text)}")
    return " ".join([*words, f"--quote {'off' if settings.quote is False else 'on'}"])


def rows_at(
    temperature: float,
    pipeline: Pipeline,
    tasks: Sequence[Task],
    sources: Mapping[Rule, tuple[str, ...]],
    *,
    seeds: int,
) -> list[Row]:
    """One row a task and a rule at one temperature; plain decoding must be among the rules."""
    trials = [Trial(rule, pipeline.engine, sources=names) for rule, names in sources.items()]
    samplings = _samplings(temperature, pipeline, seeds)
    rows: list[Row] = []
    for task in tasks:
        written = _written(task, trials, pipeline, samplings, title=f"temperature {temperature:g}, {task.name}")
        for rule in sources:
            scores = row(task, rule, written[rule], written[PLAIN], copies=seeds // len(samplings))
            rows.append({"method": scores.pop("method"), "temperature": temperature, **scores})
    return rows


def _samplings(temperature: float, pipeline: Pipeline, seeds: int) -> list[Sampling]:
    """The sampling of each output of an item; a single one where all outputs are the same."""
    if temperature == 0:
        return [Sampling()]
    options = [GenerationOptions(do_sample=True, temperature=temperature, seed=seed) for seed in range(seeds)]
    return [option.sampling(pipeline.settings, pipeline.engine.target) for option in options]


def _written(
    task: Task, trials: Sequence[Trial], pipeline: Pipeline, samplings: Sequence[Sampling], *, title: str
) -> dict[Rule, list[list[Written]]]:
    """The outputs of each trial, a row an item; the trials take turns."""
    for trial in trials:  # First calls allocate and compile.
        trial.write(pipeline.builder, partial(task.write, number=0), samplings[0])
    written: dict[Rule, list[list[Written]]] = {trial.rule: [] for trial in trials}
    for number in range(len(task)):
        for trial in trials:
            written[trial.rule].append([])
        for sampling in samplings:
            for trial in trials:
                output = trial.write(pipeline.builder, partial(task.write, number=number), sampling)
                written[trial.rule][-1].append(output)
        _progress(title, number + 1, len(task))
    return written


def _progress(title: str, done: int, total: int) -> None:
    if done % 5 == 0 or done == total:
        sys.stderr.write(f"\r{title}: {done} of {total}" + ("\n" if done == total else ""))
        sys.stderr.flush()
