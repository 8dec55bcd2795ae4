"""The criteria bench: rules by name, scores against hand counts, and whole runs on a tiny target."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from app import cli
from app.bench import picture
from app.bench.criteria import bench, figures
from app.bench.criteria.bench import rows_at
from app.bench.criteria.scores import distinct_2, draws, interval, row
from app.bench.criteria.tasks import ANSWERS, Answers, Asked, Corrections, corrections_of, is_grammar
from app.bench.criteria.trial import DEFAULT, PLAIN, Trial, Written, rules
from app.bench.quality.answers import AnswerItem, hits_of, read_items, row_of
from app.bench.quality.gleu import Corrected, corpus_gleu
from app.bench.quality.grammar import GrammarItem
from app.bench.report import PAGE
from app.bench.workload.jobs import prompts
from app.config.settings import Settings
from app.errors import SpandraftError
from decoding.drafting.budget import Budget
from decoding.drafting.cost_model import CostModel
from decoding.engine import Engine
from decoding.errors import InvalidRequest
from decoding.interfaces import Request, Sampling
from decoding.target.loading import target_of
from decoding.verification.acceptance import TopBetaTau, TypicalAcceptance
from tests.support.fakes import Oracle, tiny_model
from tests.support.tiny import pipeline_of

TOWER = "The tower was finished in 1889. The tower is 330 metres tall, more than any other of its time."
ITEMS = (
    AnswerItem("How tall is the tower?", (TOWER,), 0, ("330 metres",)),
    AnswerItem("When was the tower finished?", (TOWER,), 0, ("1889",)),
    AnswerItem("Who painted the chapel?", (TOWER,), None, ()),
)
TEXTS = (
    GrammarItem("She go home .", ("She goes home .", "She went home .")),
    GrammarItem("I like it .", ("I like it .",)),
    GrammarItem("He have two cat .", ("He has two cats .",)),
)
ASKED = Answers(tuple(Asked(item, (), ()) for item in ITEMS))


def written(text: str, *, tokens: tuple[int, ...] = (1, 2), forwards: int = 1, decode_s: float = 0.5) -> Written:
    return Written(text, tokens, text, forwards, decode_s)


@pytest.fixture
def answers_file(tmp_path: Path) -> Path:
    file = tmp_path / "answers.jsonl"
    records = [
        {"question": one.question, "passages": list(one.passages), "gold": one.gold, "answers": list(one.answers)}
        for one in ITEMS
    ]
    file.write_text("\n".join(map(json.dumps, records)))
    return file


@pytest.fixture
def grammar_file(tmp_path: Path) -> Path:
    file = tmp_path / "grammar.jsonl"
    file.write_text("\n".join(json.dumps({"source": one.source, "references": list(one.references)}) for one in TEXTS))
    return file


def report(settings: Settings, *words: str | Path) -> list[dict[str, object]]:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    made = bench.run(parser.parse_args([str(word) for word in words]), settings)
    json.dumps(made.document(), allow_nan=False)
    assert all(sum(map(len, line)) + 2 * len(line) <= 120 for line in made.table or ())
    return [dict(one) for one in made.rows]


def test_rules_by_name() -> None:
    plain, drawn, typical, near = rules("exact-match, typical=0.2/0.4, plain, top-beta-tau=5/2.5,exact-match")
    assert plain is PLAIN and not plain.speculates
    assert drawn.exact and drawn.speculates and drawn.family == "exact-match"
    assert typical.criterion == TypicalAcceptance(epsilon=0.2, delta=0.4) and typical.method == "typical=0.2/0.4"
    assert near.criterion == TopBetaTau(beta=5, tau=2.5)
    assert rules("typical")[1].criterion == TypicalAcceptance()


def test_default_rules_are_all_criteria_with_several_thresholds() -> None:
    families = [rule.family for rule in rules(DEFAULT)]
    assert families[:3] == ["plain", "exact-match", "speculative-sampling"]
    assert min(families.count("typical"), families.count("top-beta-tau")) >= 3


@pytest.mark.parametrize(
    ("text", "cause", "hint"),
    [
        ("typicle", "typicle", "typical"),
        ("", 'called ""', "exact-match"),
        ("typical=0.3", "other thresholds", "typical=EPSILON/DELTA"),
        ("typical=a/b", "other thresholds", "typical=EPSILON/DELTA"),
        ("exact-match=1", "other thresholds", "no thresholds"),
        ("typical=2/0.1", "epsilon", "at most 1"),
        ("top-beta-tau=2.5/1", "beta", "whole number"),
        ("top-beta-tau=2/nan", "tau", "finite"),
    ],
)
def test_wrong_rules(text: str, cause: str, hint: str) -> None:
    with pytest.raises((SpandraftError, InvalidRequest)) as raised:
        rules(text)
    assert cause in raised.value.cause and hint in raised.value.hint


def test_distinct_bigrams_over_the_outputs_of_each_item() -> None:
    # "the old tower" twice: 2 of 4; "a b c d": 3 of 3; one word has no bigram.
    assert distinct_2([["[1] The old tower.", "the OLD tower"], ["a b c d"], ["One"]]) == pytest.approx((0.5 + 1) / 2)
    assert distinct_2([["One"], [""]]) is None
    assert distinct_2([["it's so", "it's not so"]]) == 1.0


def test_intervals_hold_what_they_should() -> None:
    weights_BI = draws(200)
    assert (weights_BI.sum(1) == 200).all() and (weights_BI == draws(200)).all()
    right_I = np.arange(200) < 150
    low, high = interval(weights_BI @ right_I / 200) or (0.0, 0.0)
    error = (0.75 * 0.25 / 200) ** 0.5
    assert (low, high) == pytest.approx((0.75 - 1.96 * error, 0.75 + 1.96 * error), abs=0.012)
    assert interval(np.array([np.nan, np.nan])) is None
    assert interval(np.array([np.nan, 1.0])) == [1.0, 1.0]


def test_accuracy_is_that_of_the_answers_bench() -> None:
    texts_IS = [["[1] The tower is 330 metres tall.", "No."], ["In 1889.", "1889!"], ["In 1889.", "Ann"]]
    found = ASKED.worth(texts_IS)(np.array([[1.0, 1, 1], [1, 0, 1], [0, 0, 1]]))
    assert found[:2].tolist() == [0.75, 0.5] and np.isnan(found[2])
    by_question = {item.question: texts[0] for item, texts in zip(ITEMS, texts_IS, strict=True)}
    firsts = row_of("firsts", ITEMS, lambda question, hits: by_question[question])
    assert ASKED.worth([texts[:1] for texts in texts_IS])(np.ones((1, 3)))[0] == firsts["answer_accuracy"]


def test_gleu_is_that_of_the_grammar_bench() -> None:
    task = Corrections(TEXTS)
    texts_IS = [["She goes home .", "She go home ."], ["I like it .", "I liked it ."], ["He has two cat .", "He has ."]]
    triples = [
        [Corrected(item.source, text, item.references) for text in texts]
        for item, texts in zip(TEXTS, texts_IS, strict=True)
    ]
    whole, twice = task.worth(texts_IS)(np.array([[1.0, 1, 1], [2, 0, 1]]))
    assert whole == pytest.approx(corpus_gleu([one for row_ in triples for one in row_]))
    assert twice == pytest.approx(corpus_gleu([*triples[0], *triples[0], *triples[2]]))


def test_a_row_counts_changes_and_rates() -> None:
    plain = [[written("[1] 330 metres")], [written("It was.")], [written("No idea, sorry")]]
    other = [
        [written("[1] 330 metres", decode_s=0.25)],
        [written("In 1889.", tokens=(1, 2, 3, 4), decode_s=0.25)],
        [written("No idea, sorry", decode_s=0.25)],
    ]
    rule = rules("typical")[1]
    found = row(ASKED, rule, other, plain, copies=2)
    assert (found["equal"], found["changed"], found["lossless"]) == (False, pytest.approx(1 / 3, abs=1e-4), False)
    assert (found["answer_accuracy"], found["change"]) == (1.0, 0.5)
    assert found["mean_acceptance_length"] == pytest.approx(8 / 3, abs=1e-4)
    assert found["speedup_vs_plain"] == pytest.approx((8 / 0.75) / (6 / 1.5), abs=1e-3)
    assert found["distinct_2"] == 0.5, "greedy outputs count once for every seed"
    assert (found["items"], found["judged"], found["seeds"]) == (3, 2, 1)
    same = row(ASKED, PLAIN, plain, plain)
    assert same["equal"] and same["change"] == 0 and same["change_interval"] == [0, 0]


def test_a_trial_judges_every_request_and_learns_for_itself() -> None:
    target = target_of(tiny_model("llama"))
    prompt = tuple(range(1, 12))
    plain = Engine(target, sources=list).generate(Request(prompt, 20)).tokens
    shared = Engine(target, sources=lambda: [Oracle(plain)], budget=Budget(8, CostModel({1: 1.0, 8: 1.0})))
    wild = Trial(rules("top-beta-tau=61/1000")[1], shared, sources=("prompt-lookup",))
    alone = Trial(PLAIN, shared, sources=("prompt-lookup",))
    assert alone.generate(Request(prompt, 20, scope="mine")).tokens == plain
    session = wild.generate(Request(prompt, 20, scope="mine"))
    assert session.request.criterion == TopBetaTau(61, 1000.0) and session.request.scope is None
    assert alone.sessions[0].stats.drafted == 0
    assert wild.calibration is not shared.calibration and wild.shared.blend is not shared.shared.blend
    assert wild.budget is not alone.budget and wild.budget.costs.by_size == alone.budget.costs.by_size == {
        1: 1.0,
        8: 1.0,
    }
    wild.sampling = Sampling(do_sample=True, seed=4)
    assert wild.session(Request(prompt, 20)).request.sampling.seed == 4


def test_every_rule_on_both_tasks(tiny_bundled: Path, settings: Settings) -> None:
    pipeline = pipeline_of(tiny_bundled, settings.replace(quote=False, max_new_tokens=16))
    asked = [Asked(item, tuple(hits_of(item)), ()) for item in ITEMS]
    tasks = [Answers(tuple(asked)), Corrections(TEXTS)]
    copying = dict.fromkeys(rules("exact-match,typical=0.01/0.1,top-beta-tau=9999/999"), ("prompt-lookup", "cursor"))
    found = [one for heat in (0.0, 1.0) for one in rows_at(heat, pipeline, tasks, copying, seeds=2)]
    by = {(one["method"], one["temperature"], one["task"]): one for one in found}
    assert len(by) == len(found) == 4 * 2 * 2
    assert all(one["equal"] and one["change"] == 0 for one in found if one["method"] in ("plain", "exact-match"))
    for (method, temperature, task), one in by.items():
        assert (one["seeds"], one["items"]) == (1 if temperature == 0 else 2, 3)
        assert ("gleu" in one) == (task == "grammar") != ("answer_accuracy" in one)
        assert isinstance(one["tokens_per_s"], float) and one["tokens_per_s"] > 0
        assert isinstance(length := one["mean_acceptance_length"], float) and length >= 1
        assert length == 1 or method != "plain", "nothing is drafted for it"
    assert by["typical=0.01/0.1", 0, "answers"]["equal"], "greedy, it loses nothing"
    assert by["top-beta-tau=9999/999", 0, "grammar"]["changed"] == 1, "it accepts whatever is drafted"
    cells = [line[2] for line in figures.table(found)[1:]]
    assert cells[:3] == ["equal", "equal", "LOSSY 0%"] and cells[3] >= "LOSSY 50%" and len(cells) == 8


def test_speculative_sampling_has_noise_of_its_own(tiny_bundled: Path, tmp_path: Path, answers_file: Path) -> None:
    settings = Settings(home=tmp_path, target=str(tiny_bundled), draft_model=str(tiny_bundled), max_new_tokens=12)
    words = (
        "--criteria",
        "speculative-sampling",
        "--temperatures",
        "0,9",
        "--seeds",
        "1",
        "--plot",
        tmp_path / "a.png",
    )
    found = report(settings, answers_file, *words)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    greedy, hot = (one for one in found if one["method"] == "speculative-sampling")
    assert greedy["equal"] and not hot["equal"] and hot["lossless"]
    assert isinstance(length := hot["mean_acceptance_length"], float) and length > 2, "the target drafts for itself"
    assert [line[2] for line in figures.table(found)[1:]] == ["equal", "equal", "equal", "distribution"]


def test_without_a_draft_model_its_criterion_is_left_out(
    tiny_bundled: Path, tmp_path: Path, grammar_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=tmp_path, target=str(tiny_bundled), sources=("prompt-lookup",), max_new_tokens=4)
    found = report(settings, grammar_file, "--temperatures", "0", "--n", "1")
    assert {str(one["method"]) for one in found} == {rule.method for rule in rules(DEFAULT)} - {"speculative-sampling"}
    assert "speculative-sampling is left out: it takes no --sources" in capsys.readouterr().err
    with pytest.raises(SpandraftError, match="no draft model"):
        report(settings, grammar_file, "--criteria", "speculative-sampling")


def test_speculative_sampling_takes_no_trees(tiny_bundled: Path, tmp_path: Path, grammar_file: Path) -> None:
    settings = Settings(home=tmp_path, target=str(tiny_bundled), draft_model="x", sources=("blend", "draft-tree"))
    with pytest.raises(SpandraftError, match="draft-model alone") as raised:
        report(settings, grammar_file, "--criteria", "speculative-sampling")
    assert "--sources" in raised.value.hint


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("--n", "0"), "--n"),
        (("--seeds", "0"), "--seeds"),
        (("--temperatures", "warm"), "--temperatures"),
        (("--temperatures", "-1"), "--temperatures"),
        (("--temperatures", "inf"), "--temperatures"),
        (("--criteria", "best"), "best"),
        (("nowhere.jsonl",), "nowhere.jsonl"),
        (("--plot", "nowhere/out.png"), "nowhere"),
        (("--plot", "out.docx"), "out.docx"),
    ],
)
def test_wrong_words(settings: Settings, words: tuple[str, ...], cause: str) -> None:
    with pytest.raises(SpandraftError) as raised:
        report(settings, *words)
    assert cause in raised.value.cause and raised.value.hint and "\n" not in raised.value.cause


def test_files_of_one_kind_or_none(settings: Settings, tmp_path: Path, answers_file: Path, grammar_file: Path) -> None:
    assert is_grammar(grammar_file) and not is_grammar(answers_file)
    with pytest.raises(SpandraftError, match="of one kind"):
        report(settings, answers_file, answers_file)
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    with pytest.raises(SpandraftError, match="no items"):
        report(settings, empty)


def test_what_the_bench_tries_is_not_set(tmp_path: Path) -> None:
    settings = Settings.load({"home": str(tmp_path), "criterion": "typical"}, environ={})
    with pytest.raises(SpandraftError, match="tries several") as raised:
        report(settings)
    assert "--criteria" in raised.value.hint


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SpandraftError, match="matplotlib") as raised:
        report(settings, "--plot", "out.png")
    assert "pip install" in raised.value.hint
    with pytest.raises(SpandraftError, match="matplotlib"):
        figures.draw(Path("out.png"), [])
    assert picture.require.__doc__


def test_bundled_items_are_the_prompts_of_the_other_benches() -> None:
    questions = [json.loads(line) for line in ANSWERS.read_text(encoding="utf-8").splitlines()]
    assert [one["question"] for one in questions] == prompts("answer")
    assert all(one["answers"] for one in questions)
    texts = corrections_of(None, None)
    assert [item.source for item in texts.items] == prompts("sentences")
    assert sum(item.is_clean for item in texts.items) == 5
    with pytest.raises(SpandraftError):
        read_items(ANSWERS)  # Without passages they are no items of `bench answers`.


def test_the_page_gets_the_table_and_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = [[written("[1] 330 metres")], [written("In 1889.")], [written("No idea, sorry")]]
    made = [row(ASKED, rule, outputs, outputs) for rule in rules("exact-match,typical=0.3/0.09")]
    rows = [{**one, "temperature": temperature} for temperature in (0.0, 0.7, 1.0) for one in made]
    (tmp_path / "report.json").write_text(json.dumps({"rows": rows}))
    (tmp_path / PAGE).parent.mkdir(parents=True)
    (tmp_path / PAGE).write_text("before\n<!-- criteria -->\nold\n<!-- /criteria -->\nbehind\n")
    monkeypatch.chdir(tmp_path)
    figures.main(["report.json"])
    text = (tmp_path / PAGE).read_text()
    assert text.startswith("before\n<!-- criteria -->\n| criterion | T |") and text.endswith(
        "<!-- /criteria -->\nbehind\n"
    )
    assert text.count("\n| typical=0.3/0.09 | ") == 2 and "| 0.7 |" not in text and "old" not in text
    assert "n: 3 of answers (2 answerable); 1 seeds" in text
    assert (tmp_path / figures.PICTURE).read_bytes().startswith(b"\x89PNG")


def test_the_line_that_repeats_a_run(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    args = parser.parse_args(["a b.jsonl", "--n", "2", "--criteria", "exact-match"])
    settings = Settings.load({"home": str(tmp_path), "sources": "prompt-lookup,heads", "heads": "mine"}, environ={})
    line = bench.command(args, settings.replace(quote=False))
    expected = "'a b.jsonl' --n 2 --criteria exact-match --temperatures 0,0.7,1 --seeds 3 --heads mine"
    assert line == f"spandraft bench criteria {expected} --sources prompt-lookup,heads --quote off"


def test_the_command_prints_a_table(
    tiny_bundled: Path, tmp_path: Path, grammar_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [
        "--criteria",
        "exact-match",
        "--temperatures",
        "0",
        "--n",
        "1",
        "--sources",
        "prompt-lookup",
        "--quote",
        "on",
    ]
    common = ["--target", str(tiny_bundled), "--set", f"home={tmp_path}", "--set", "max_new_tokens=4"]
    assert cli.main(["bench", "criteria", str(grammar_file), *words, *common]) == 0
    head, plain, drawn = capfd.readouterr().out.splitlines()
    assert head.split()[:3] == ["criterion", "T", "output"]
    assert [plain.split()[0], drawn.split()[0]] == ["plain", "exact-match"]


def test_who_drafts_for_each_rule(settings: Settings) -> None:
    given = settings.replace(draft_model="small", heads="mine")
    by = {rule.method: names for rule, names in bench.sources_for(rules(DEFAULT), given, is_asked=False).items()}
    assert by.pop("speculative-sampling") == ("draft-model",), "other drafts were drawn from no distribution"
    assert len({*by.values()}) == 1 and {"blend", "draft-model", "heads"} < {*by["exact-match"]}
