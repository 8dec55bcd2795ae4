"""The cross-encoder learns which unit answers, and a run that was stopped goes on as if it had not been."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.errors import InputError
from app.training.cross_encoder import train
from app.training.cross_encoder.pairs import PairList, write_pairs
from app.training.cross_encoder.train import Recipe, Row, batches, loss_of, main, rate_at

TOWNS = ("Oz", "Ur", "Wick", "Bath", "Hove", "Rye", "Deal", "Ely")


def _lists() -> list[PairList]:
    """Every second one asks where somebody lives, and the others how old they are."""
    found = []
    for number, town in enumerate(TOWNS * 2):
        units = (("", f"Ann lives in {town}."), ("", f"Ann is {20 + number} years old."))
        asked = number % 2
        found.append(PairList(("Where does Ann live?", "How old is Ann?")[asked], units, (1.0 - asked, float(asked))))
    return found


def _row(*share: float) -> Row:
    return Row(tuple([1] for _ in share), tuple([0] for _ in share), share)


def test_the_loss_is_the_softmax_with_none_of_them() -> None:
    scores_P = torch.tensor([1.0, -1.0, 2.0])
    expected = (math.log(math.e + 1 / math.e + 1) - 1.0 + math.log(math.e**2 + 1)) / 2
    assert loss_of(scores_P, [_row(1.0, 0.0), _row(0.0)]).item() == pytest.approx(expected)


def test_batches_go_on_where_they_stopped_and_have_each_list_once_an_epoch() -> None:
    rows, recipe = [_row(float(number)) for number in range(6)], Recipe(lists_a_step=2)
    every = batches(rows, recipe, 0)
    drawn = [next(every) for _ in range(7)]
    assert sorted(row.share[0] for batch in drawn[:3] for row in batch) == [0, 1, 2, 3, 4, 5]
    assert drawn[:3] != drawn[3:6]
    later = batches(rows, recipe, 4)
    assert [next(later) for _ in range(3)] == drawn[4:]


def test_the_rate_rises_and_falls() -> None:
    recipe = Recipe(warm=10, last_rate=0.05)
    rates = [rate_at(step, 100, recipe) for step in range(130)]
    assert rates.index(max(rates)) in (9, 10)
    assert max(rates) == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == 0.05


def test_it_learns_and_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "Recipe", lambda: replace(Recipe(), rank=2, warm=2, lists_a_step=4))
    pairs = tmp_path / "pairs.jsonl"
    write_pairs(_lists(), pairs)
    call = ["--pairs", str(pairs), "--steps", "20"]
    main([*call, "--folder", str(tmp_path / "whole")])
    main([*call, "--folder", str(tmp_path / "parts"), "--until", "9"])
    main([*call, "--folder", str(tmp_path / "parts")])
    whole, parts = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 20
    for kept in ("network", "mean"):
        for name, one in whole[kept].items():
            torch.testing.assert_close(parts[kept][name], one)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.8 * losses[0]


def test_too_few_lists_are_said(tmp_path: Path) -> None:
    write_pairs(_lists()[:3], tmp_path / "pairs.jsonl")
    with pytest.raises(InputError, match="has 3 lists"):
        main(["--pairs", str(tmp_path / "pairs.jsonl"), "--steps", "2", "--folder", str(tmp_path / "run")])
