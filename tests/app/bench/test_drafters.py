"""The bench of drafters: each alone and in the tree, on real tiny models; what it counts, and what it refuses."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from app.bench import drafters
from app.bench.drafters import PLAIN, TREE, Contender, Ran, default_names, make_contender, names_of
from app.bench.workload.jobs import Job
from app.config.settings import Settings
from app.errors import SpandraftError
from decoding.drafters.medusa_heads import MedusaHeads
from decoding.drafting.budget import Budget
from decoding.drafting.cost_model import CostModel
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.sources.neural.draft_model import DraftModel
from decoding.sources.shared import Shared
from decoding.stats import Stats
from decoding.target.loading import target_of
from tests.support.fakes import tiny_model
from tests.support.tiny import QUESTION, TEXTS, save_heads, save_parallel

ITEM = {"question": QUESTION, "passages": list(TEXTS), "gold": 0, "answers": ["always"]}


@pytest.fixture
def settings(tmp_path: Path, tiny_bundled: Path, bundled_tokenizer: Any) -> Settings:
    """The target drafts for itself as a draft model; the other drafters are random."""
    return Settings(
        home=tmp_path,
        target=str(tiny_bundled),
        draft_model=str(tiny_bundled),
        heads=str(save_heads(tmp_path / "heads")),
        parallel_model=str(save_parallel(tmp_path / "parallel", bundled_tokenizer)),
        skipped_layers="1",
        max_new_tokens=16,
    )


def report(settings: Settings, *words: str) -> Any:
    parser = argparse.ArgumentParser()
    drafters.add_arguments(parser)
    return drafters.run(parser.parse_args(words), settings)


def write(file: Path, *records: object) -> Path:
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return file


def test_each_drafter_alone_and_in_the_tree(settings: Settings, tmp_path: Path) -> None:
    file = write(tmp_path / "asked.jsonl", ITEM, ITEM)
    made = report(settings, str(file), "--n", "1", "--repeats", "1", "--no-processors")
    found = {str(row["method"]): row for row in made.rows}
    alone = ["draft-model", "draft-tree", "draft-chain", "heads", "heads-chain", "parallel", "parallel-chain"]
    more = [f"tree+{name}" for name in ("draft-model", "heads", "parallel", "layer-skip", "draft-model+heads")]
    assert list(found) == [PLAIN, *alone, "layer-skip", "layer-skip-chain", TREE, *more]
    assert {row["items"] for row in made.rows} == {"asked"}
    assert all(row["equal"] for row in made.rows)
    assert found[PLAIN]["mean_acceptance_length"] == found[PLAIN]["vs_plain"] == 1.0
    assert found[PLAIN]["acceptance_rate"] is None
    for name in (*alone, "layer-skip"):
        assert 0 <= found[name]["acceptance_rate"] <= 1 and 0 < found[name]["drafting_time"] < 1
        assert found[name]["vs_tree"] is None
    assert found["draft-chain"]["acceptance_rate"] == 1.0, "a model agrees with itself"
    assert found["draft-chain"]["mean_acceptance_length"] >= 2
    assert all(found[name]["vs_tree"] > 0 for name in more)
    assert f"--heads {tmp_path / 'heads'}" in made.command and "--no-processors" in made.command


def test_corrections_and_several_files(settings: Settings, tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{name}.jsonl", {"source": f"He go to the {name} .", "references": ["He goes ."]})
        for name in ("school", "beach")
    ]
    made = report(
        settings, *map(str, files), "--task", "grammar", "--repeats", "2", "--methods", "draft-tree, tree+draft-model"
    )
    assert [(row["items"], row["method"]) for row in made.rows] == [
        (name, method) for name in ("school", "beach") for method in (PLAIN, "draft-tree", "tree+draft-model")
    ]
    assert all(row["equal"] for row in made.rows)
    assert made.rows[1]["mean_acceptance_length"] > 2
    assert made.rows[2]["vs_tree"] is None, "the tree was not run"
    assert made.command.startswith(f"spandraft bench drafters {files[0]} {files[1]} --task grammar --n 32 --repeats 2")


def test_the_bundled_prompts_are_taken_by_default(settings: Settings) -> None:
    made = report(settings, "--task", "grammar", "--n", "1", "--repeats", "1", "--methods", "plain,heads-chain")
    assert [(row["items"], row["method"]) for row in made.rows] == [("sample", "plain"), ("sample", "heads-chain")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--n", "0"], "--n"),
        (["--repeats", "0"], "--repeats"),
        (["nowhere.jsonl"], "nowhere.jsonl"),
        (["--methods", "heads"], "heads"),
        (["--methods", "plain,layer-skip-chain"], "layer-skip-chain"),
        (["--methods", "tree+heads"], "tree+heads"),
        (["--methods", "draft-modle"], "draft-modle"),
        (["--methods", "plain+draft-model"], "plain+draft-model"),
        (["--methods", "tree+blend"], "blend"),
        (["--methods", "tree+tree"], "tree"),
    ],
)
def test_wrong_input_is_refused(tmp_path: Path, tiny_bundled: Path, words: list[str], said: str) -> None:
    settings = Settings(home=tmp_path, target=str(tiny_bundled), draft_model=str(tiny_bundled))
    with pytest.raises(SpandraftError) as caught:
        report(settings, "--task", "grammar", *words)
    assert said in caught.value.cause and caught.value.hint


def test_items_of_the_other_task_are_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SpandraftError, match="not an item"):
        report(settings, str(write(tmp_path / "a.jsonl", ITEM)), "--task", "grammar")


def test_there_must_be_a_drafter_and_an_exact_criterion(tmp_path: Path, tiny_bundled: Path, settings: Settings) -> None:
    with pytest.raises(SpandraftError, match="no drafter") as caught:
        report(Settings(home=tmp_path, target=str(tiny_bundled)))
    assert "--parallel-model" in caught.value.hint
    with pytest.raises(SpandraftError, match="typical"):
        report(settings.replace(criterion="typical"))


@pytest.fixture(scope="module")
def served() -> Engine:
    target = target_of(tiny_model("llama"))
    shared = Shared(draft_model=DraftModel.of(target, target), heads=MedusaHeads(32, 2).bind(target))
    return Engine(target, budget=Budget(limit=8, costs=CostModel({1: 0.001, 8: 0.002})), shared=shared)


def test_ways_have_nothing_of_each_other(served: Engine) -> None:
    assert default_names(("draft_model", "heads")) == [
        *(PLAIN, "draft-model", "draft-tree", "draft-chain", "heads", "heads-chain"),
        *(TREE, "tree+draft-model", "tree+heads", "tree+draft-model+heads"),
    ]
    assert names_of("tree, tree+heads+draft-tree") == [PLAIN, TREE, "tree+heads+draft-tree"]
    one, other = (make_contender(name, served).engine for name in ("draft-model", "tree+draft-model"))
    assert one.budget.costs.is_free, "a drafter alone is run as published: all that it drafts is verified"
    assert one.budget.limit == other.budget.limit == 8
    assert other.budget.costs == served.budget.costs
    assert other.budget.costs.by_size is not served.budget.costs.by_size
    models = [engine.shared.draft_model for engine in (served, one, other)]
    assert models[0] is not None and models[1] is not None and models[1] is not models[2]
    assert models[1].model is models[0].model and models[1].cost_s is not models[0].cost_s


def test_a_repeat_begins_without_the_outputs_of_the_one_before(served: Engine) -> None:
    job = Job((Request((3, 5, 6, 7, 1), 30, scope="mine"),))
    contenders = [make_contender(name, served, ("blend",)) for name in (PLAIN, TREE)]
    contenders[1].engine.budget.costs = CostModel()  # Every draft is verified: what pays is not the question here.
    (repeats,) = drafters.measure(contenders, [job], 3)[TREE].jobs
    forwards = [run.stats.target_forwards for (run,) in repeats]
    again = contenders[1].run(job.requests[0]).stats.target_forwards
    assert again < min(forwards), "with the outputs it is faster"


def test_medians_are_taken_job_by_job(served: Engine) -> None:
    stats = Stats(tokens=4, target_forwards=2, drafted=4, accepted=2, prefill_s=1.0, draft_s=0.5)

    def measured(name: str, *jobs: tuple[float, ...], tokens: tuple[int, ...] = (1, 2, 3, 4)) -> drafters.Measured:
        runs = [[[Ran(tokens, stats, 1.0 + spent)] for spent in repeats] for repeats in jobs]
        return drafters.Measured(Contender(name, served), runs)

    found = {
        PLAIN: measured(PLAIN, (4.0, 100.0, 2.0), (2.0, 2.0, 2.0)),
        TREE: measured(TREE, (2.0, 1.0, 50.0), (1.0, 1.0, 9.0)),
        "tree+heads": measured("tree+heads", (6.0,) * 3, (6.0,) * 3, tokens=(1, 2, 3, 5)),
    }
    plain, tree, more = drafters.rows_of("x", found)
    assert (plain["vs_plain"], tree["vs_plain"], more["vs_plain"]) == (1.0, 2.0, 0.5)
    assert (plain["vs_tree"], tree["vs_tree"], more["vs_tree"]) == (None, None, 0.25)
    assert (plain["equal"], tree["equal"], more["equal"]) == (True, True, False)
    assert tree["mean_acceptance_length"] == 2.0 and tree["acceptance_rate"] == 0.5
    assert more["drafting_time"] == pytest.approx(0.5 / 6)


def test_a_drafter_that_fails_is_no_figure(served: Engine) -> None:
    class Broken(Engine):
        def generate(self, request: Request, *, speculate: bool = True) -> Any:
            session = super().generate(request, speculate=speculate)
            session.stats.failed_sources["heads"] = "broken"
            return session

    broken = Contender("heads", Broken(served.target, budget=Budget()))
    with pytest.raises(SpandraftError, match="heads"):
        broken.run(Request((1, 2), 3))
