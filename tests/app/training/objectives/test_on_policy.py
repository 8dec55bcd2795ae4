"""The draft model's own texts: written as it drafts, renewed when due, and the same after a stop as without one."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from app.training.model import Model
from app.training.objectives.on_policy import Refresh, RefreshOptions, write
from app.training.outputs.target_outputs import TargetOutputs
from tests.support import small_target as small

OPTIONS = RefreshOptions(renew_every=2, texts=12, written=5)


def draft(seed: int = 0) -> Model:
    torch.manual_seed(seed)
    return Model(small.SHAPE)


def refresh(folder: Path, options: RefreshOptions = OPTIONS) -> Refresh:
    return Refresh(small.rows(), small.teacher(), options, folder=folder / "written", seed=3, batches=2)


@torch.no_grad()
def test_what_it_writes_is_what_plain_forwards_write() -> None:
    model = draft()
    beginnings = [(1, 2, 3), (7,), (9, 8, 7, 6, 5, 4)]
    written = write(model, beginnings, 6, temperature=0.0, seed=0)
    for beginning, text in zip(beginnings, written, strict=True):
        ids = list(beginning)
        for _ in range(6):
            ids.append(int(model.logits(model(torch.tensor([ids]))[0, -1:]).argmax()))
        assert text == ids[len(beginning) :]


def test_samples_follow_the_seed_alone() -> None:
    model = draft()
    first, again, other = (write(model, [(1, 2)] * 8, 4, temperature=1.0, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len({tuple(text) for text in first}) > 1


def test_a_set_is_renewed_by_the_model_as_it_then_is(tmp_path: Path) -> None:
    model = draft()
    small.train(model, refresh(tmp_path), tmp_path, steps=5)
    files = sorted((tmp_path / "written").iterdir())
    assert [file.name for file in files] == ["000000.npz", "000001.npz", "000002.npz"]
    sets = [TargetOutputs.load(file) for file in files]
    assert all(len(one) == 12 for one in sets)
    untrained = write(draft(), [one.prompt for one in map(sets[0].__getitem__, range(12))], 5, temperature=0.0, seed=0)
    assert [list(sets[0][at].output) for at in range(12)] == untrained
    later = write(draft(), [one.prompt for one in map(sets[2].__getitem__, range(12))], 5, temperature=0.0, seed=0)
    assert [list(sets[2][at].output) for at in range(12)] != later


def test_resumed_inside_a_set_is_the_same_to_the_bit(tmp_path: Path) -> None:
    straight = draft()
    small.train(straight, refresh(tmp_path / "a"), tmp_path / "a", steps=5)
    small.train(draft(), refresh(tmp_path / "b"), tmp_path / "b", steps=5, stop_at=3)
    resumed = draft(9)
    small.train(resumed, refresh(tmp_path / "b"), tmp_path / "b", steps=5)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))
    for name in ("000000.npz", "000001.npz", "000002.npz"):
        assert (tmp_path / "a/written" / name).read_bytes() == (tmp_path / "b/written" / name).read_bytes()


def test_a_set_that_is_lost_is_seen_in_the_result(tmp_path: Path) -> None:
    """The control of the test above: without the stored set a resumed run would learn something else."""
    straight = draft()
    small.train(straight, refresh(tmp_path / "a"), tmp_path / "a", steps=5)
    small.train(draft(), refresh(tmp_path / "b"), tmp_path / "b", steps=5, stop_at=3)
    shutil.rmtree(tmp_path / "b/written")
    resumed = draft(9)
    small.train(resumed, refresh(tmp_path / "b"), tmp_path / "b", steps=5)
    assert not all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))


def test_the_draft_model_comes_nearer_to_the_target_on_its_own_texts(tmp_path: Path) -> None:
    options = RefreshOptions(renew_every=10, texts=24, written=5, own=1.0)
    small.train(draft(), refresh(tmp_path, options), tmp_path, steps=40)
    own = small.losses(tmp_path, "own")
    assert own[-1] < 0.6 * own[0]


def test_texts_end_with_the_end_token(tmp_path: Path) -> None:
    made = refresh(tmp_path)
    made._teacher.eos_ids = frozenset({4})
    assert made._ended([1, 4, 2, 4]) == (1, 4)
    assert made._ended([1, 2]) == (1, 2)
