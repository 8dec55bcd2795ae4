"""Runs the rules of ``bench criteria`` at one temperature: they take turns output by output, so that a noisy machine is
noisy for all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial

from app.bench.criteria.rules import PLAIN, Rule
from app.bench.criteria.scores import row
from app.bench.criteria.tasks import Task
from app.bench.criteria.trial import Trial, Written, written_by
from app.bench.report import Row
from app.config.generation_options import GenerationOptions
from app.pipeline import Pipeline
from decoding.interfaces import Sampling


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
            one = row(task, rule, written[rule], written[PLAIN], copies=seeds // len(samplings))
            rows.append({"method": one.pop("method"), "temperature": temperature, **one})
    return rows


def _samplings(temperature: float, pipeline: Pipeline, seeds: int) -> list[Sampling]:
    """How tokens are chosen for each output of an item: once where that is always the same."""
    if temperature == 0:
        return [Sampling()]
    options = [GenerationOptions(do_sample=True, temperature=temperature, seed=seed) for seed in range(seeds)]
    return [one.sampling(pipeline.settings, pipeline.engine.target) for one in options]


def _written(
    task: Task, trials: Sequence[Trial], pipeline: Pipeline, samplings: Sequence[Sampling], *, title: str
) -> dict[Rule, list[list[Written]]]:
    """What each trial wrote, a row of outputs an item; the trials take turns."""
    for trial in trials:  # First calls allocate and compile.
        trial.sampling = samplings[0]
        written_by(trial, pipeline.writer, partial(task.write, at=0))
    written: dict[Rule, list[list[Written]]] = {trial.rule: [] for trial in trials}
    for at in range(len(task)):
        for trial in trials:
            written[trial.rule].append([])
        for sampling in samplings:
            for trial in trials:
                trial.sampling = sampling
                one = written_by(trial, pipeline.writer, partial(task.write, at=at))
                written[trial.rule][-1].append(one)
        _progress(title, at + 1, len(task))
    return written


def _progress(title: str, done: int, total: int) -> None:
    if done % 5 == 0 or done == total:
        sys.stderr.write(f"\r{title}: {done} of {total}" + ("\n" if done == total else ""))
        sys.stderr.flush()
