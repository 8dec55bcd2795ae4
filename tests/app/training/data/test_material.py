"""The material holds all that training draws from, in one file; damaged or too large, it is refused."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import numpy as np
import pytest

from app.training.data import candidates, embeddings, material, prepare, records
from app.training.data.material import Material
from app.training.errors import DataMissingError, MaterialError
from app.training.examples.answers import AnswerItems
from tests.support import small_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    small_data.write(made / "data")
    small_data.write_cache(made / "data", made / "cache")
    return made


def _prepare(folder: Path, source: Path, out: Path) -> Material:
    said: list[str] = []
    tokenizer = prepare.bundled_tokenizer()
    prepare.prepare(source, folder / "cache", out, amounts=prepare.Amounts(), tokenizer_file=tokenizer, say=said.append)
    assert "packing" in said
    return Material(out)


def test_the_archive_gives_the_same_material_as_the_folder(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "train.tar.xz", "w:xz") as archive:
        for name in prepare.FILES:
            archive.add(folder / "data" / name, arcname=f"somewhere/{name}")
        outside = tarfile.TarInfo("../outside.jsonl")
        archive.addfile(outside, io.BytesIO(b""))
    packed = _prepare(folder, tmp_path / "train.tar.xz", tmp_path / "packed.npz")
    plain = _prepare(folder, folder / "data", tmp_path / "plain.npz")
    assert (tmp_path / "packed.npz").read_bytes() == (tmp_path / "plain.npz").read_bytes()
    assert packed.about == plain.about
    assert not list(tmp_path.rglob("outside*"))


def test_everything_comes_out_as_it_went_in(folder: Path, tmp_path: Path) -> None:
    made = _prepare(folder, folder / "data", tmp_path / "m.npz")
    texts = made.texts("train")
    assert all(records.sentences(s) == [s] for text in texts for s in text)
    assert made.about["sentences"]["train"] == sum(len(text) for text in texts)
    assert made.misspelt == records.misspellings(folder / "data")
    assert made.tokenizer.encode("a dog").ids
    assert "dogs" in made.forms.nouns.values() or made.forms.verbs["go"]
    embedded = embeddings.load(folder / "cache" / "train.npz")
    found = made.answers("train")
    assert found.sentences == embedded.sentences
    for index in range(len(found)):
        asked, was = found.question(index), embedded.questions[index]
        assert (asked.text, asked.answers, asked.sentence) == (was.text, was.answers, was.sentence)
        for candidate in (asked.own, *asked.near, *asked.far):
            assert list(candidate.sentences) == embedded.rows_of(candidate.passage)
            cosines = embedded.sentence_SE[list(candidate.sentences)] @ embedded.question_QE[index]
            np.testing.assert_allclose(candidate.cosines, np.clip(cosines, 0, 1), atol=0.5 / 255 + 1e-6)
        articles = [embedded.article_of[c.passage] for c in (asked.own, *asked.near)]
        assert len(set(articles)) == 1
        assert all(embedded.article_of[c.passage] != articles[0] for c in asked.far)


def test_no_article_is_in_two_splits(folder: Path, tmp_path: Path) -> None:
    made = _prepare(folder, folder / "data", tmp_path / "m.npz")
    kept = {split: set(made.answers(split).sentences) for split in records.SPLITS}
    assert all(kept.values())
    assert not kept["train"] & kept["heldout"]
    assert not kept["train"] & kept["validation"]


def test_the_likeliest_passages_of_a_large_article_are_among_the_near_ones() -> None:
    passages = 40
    sentence_SE = np.zeros((passages, 8), np.float32)
    sentence_SE[:, 0] = np.linspace(0, 1, passages)
    embedded = embeddings.Embedded(
        sentences=[f"Sentence {n}." for n in range(passages)],
        starts=list(range(passages + 1)),
        article_of=["A"] * passages,
        articles={"A": list(range(passages))},
        questions=[embeddings.EmbeddedQuestion("What?", ("x",), 3, 3)],
        sentence_SE=sentence_SE,
        question_QE=np.eye(1, 8, dtype=np.float32),
    )
    asked = candidates.collect(embedded, random.Random(0)).question(0)
    near = [c.passage for c in asked.near]
    assert len(set(near)) == candidates.NEAR
    assert 3 not in near
    assert set(range(passages - candidates.LIKELIEST, passages)) <= set(near)
    assert asked.far == ()


def test_a_fifth_of_the_questions_has_no_answer(folder: Path, tmp_path: Path) -> None:
    made = _prepare(folder, folder / "data", tmp_path / "m.npz")
    items, rng = AnswerItems(made.answers("train"), made.tokenizer), random.Random(0)
    drawn = [items.item(rng) for _ in range(1000)]
    assert 0.15 <= sum(item.gold_passage is None for item in drawn) / 1000 <= 0.25


def test_damaged_missing_and_too_large_material_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="no material"):
        Material(tmp_path / "none.npz")
    made = _prepare(folder, folder / "data", tmp_path / "m.npz")
    content = (tmp_path / "m.npz").read_bytes()
    for name, damaged in (("cut", content[: len(content) // 2]), ("empty", b""), ("text", b"hello")):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(MaterialError, match="damaged"):
            Material(tmp_path / name)
    parts = material.Parts(made.tokenizer, {}, {}, made.forms, {})
    with pytest.raises(MaterialError, match="may travel") as raised:
        material.write(parts, tmp_path / "large.npz", most_bytes=1000)
    assert "--prose" in raised.value.hint
    assert not list(tmp_path.glob("large*"))


def test_missing_data_and_a_broken_archive_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="no training data"):
        _prepare(folder, tmp_path / "none.tar.xz", tmp_path / "m.npz")
    (tmp_path / "broken.tar.xz").write_bytes(b"no archive")
    with pytest.raises(DataMissingError, match="cannot be unpacked"):
        _prepare(folder, tmp_path / "broken.tar.xz", tmp_path / "m.npz")
