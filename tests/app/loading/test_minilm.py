"""The bundled encoder without sentence-transformers: each vector is bit-equal to what sentence-transformers gives."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.config.settings import Settings
from app.errors import ModelError
from app.loading import minilm_bfloat16, search_models
from app.loading.minilm import MiniLM
from app.loading.minilm_bfloat16 import has_packed_products
from app.loading.search_models import SearchModels, load_encoder
from corpora.sample import sample_documents
from retrieval.encoder import SentenceTransformerEncoder, load_with_sentence_transformers
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
from retrieval.errors import EncoderNotFound

DTYPES = ("float32", "bfloat16")
ODD = (
    "", "a", " \n\t", "[CLS]", "[MASK] it", "a[SEP]b", "é" * 300, "word " * 600, "日本語のテキストです。",
    "Ünïcödé straße naïve 👩‍👩‍👧 𝔘 Привет", "x\x00y\u200b\ufffd", "What is this?",
)  # fmt: skip


def pieces(count: int, seed: int) -> list[str]:
    """Pieces of the documents of Python, of all lengths."""
    rng = random.Random(seed)
    texts = [document.text for document in sample_documents()[:20]]
    drawn = []
    for _ in range(count):
        text = rng.choice(texts)
        start = rng.randrange(len(text))
        drawn.append(text[start : start + rng.choice((5, 20, 80, 200, 600, 1500))])
    return drawn


def test_tokens_and_batches_are_those_of_sentence_transformers() -> None:
    files = find_encoder(DEFAULT_ENCODER)
    ours, theirs = MiniLM(files.folder), load_with_sentence_transformers(files, "cpu")
    assert (ours.dimension, ours.max_tokens) == (theirs.dimension, theirs.max_tokens)
    for role in ("query", "document"):
        assert ours.prompt_tokens(role) == theirs.prompt_tokens(role)
        assert ours.batch_tokens(role) == theirs.batch_tokens(role)
    texts = [*ODD, *pieces(120, seed=1)]
    spans = [[[tuple(span) for span in text] for text in model.spans(texts)] for model in (ours, theirs)]
    assert spans[0] == spans[1]
    assert [ours.lengths(texts), theirs.lengths(texts)] == [[len(text) for text in spans[0]]] * 2
    rng, at = random.Random(2), 0
    while at < len(texts):
        batch = texts[at : at + rng.choice((1, 1, 2, 3, 5, 8))]
        at += len(batch)
        assert np.array_equal(ours.encode(batch, "query"), theirs.encode(batch, "query")), batch


def test_an_encoder_that_is_built_from_settings_gives_the_reference_s_vectors() -> None:
    built = SearchModels(Settings(device="cpu", encoder_dtype="float32")).encoder
    reference = SentenceTransformerEncoder(device="cpu")
    assert built.name == reference.name
    texts = [*ODD, *pieces(30, seed=3)]
    assert np.array_equal(built.encode_passages(texts), reference.encode_passages(texts))
    assert np.array_equal(built.encode_queries(texts[-2:]), reference.encode_queries(texts[-2:]))


@pytest.mark.skipif(not has_packed_products(), reason="this processor does not multiply bfloat16")
def test_documents_in_bfloat16_are_nearly_those_in_float32_and_questions_are_the_same() -> None:
    exact, short = (SearchModels(Settings(device="cpu", encoder_dtype=dtype)).encoder for dtype in DTYPES)
    assert short.name == exact.name, "a corpus may hold vectors of both"
    texts = [*ODD, *pieces(100, seed=4)]
    cosines_N = (short.encode_passages(texts) * exact.encode_passages(texts)).sum(axis=1)
    assert 0.9995 < cosines_N.min() <= cosines_N.mean() < 1 - 1e-6, "all alike, and not computed in float32"
    assert np.array_equal(short.encode_queries(texts), exact.encode_queries(texts))


@pytest.mark.skipif(not has_packed_products(), reason="this processor does not multiply bfloat16")
def test_batches_that_are_encoded_beside_each_other_are_what_they_are_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(torch, "set_num_threads", lambda number, set=torch.set_num_threads: set(min(number, threads)))
    model = MiniLM(find_encoder(DEFAULT_ENCODER).folder, in_bfloat16=True)
    batches = [pieces(3, seed=seed) for seed in range(7)]
    assert model.batches_at_once("document") == 3 and model.batches_at_once("query") == 1
    for _ in range(2):
        for batch, vectors_BD in zip(batches, model.encode_batches(batches, "document"), strict=True):
            assert np.allclose(vectors_BD, model.encode(batch, "document"), atol=2e-3)
    monkeypatch.undo()
    assert torch.get_num_threads() == threads, "the caller's own products use as many threads as before"


def test_bfloat16_where_the_processor_has_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm_bfloat16, "has_packed_products", lambda: False)
    assert not search_models.documents_in_bfloat16(None)
    with pytest.raises(ModelError) as caught:
        SearchModels(Settings(device="cpu", encoder_dtype="bfloat16")).encoder.encode_passages(["x"])
    assert "encoder_dtype" in caught.value.hint


@pytest.mark.parametrize("library", ["sentence_transformers", "transformers"])
def test_searching_imports_no_model_library_but_torch(library: str) -> None:
    code = (
        "import sys; from app.config.settings import Settings; from app.loading.search_models import SearchModels;"
        "SearchModels(Settings(device='cpu')).encoder.encode_queries(['Why?']);"
        f"sys.exit({library!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=300).returncode == 0


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_a_tokenizer_that_is_not_right_is_left_to_sentence_transformers(tmp_path: Path, what: str) -> None:
    """With ``vocab.txt`` beside it the library finds its way without the file; a damaged one it names in one line."""
    files = find_encoder(DEFAULT_ENCODER)
    folder = tmp_path / "encoder"
    shutil.copytree(files.folder, folder)
    if what == "missing":
        (folder / "tokenizer.json").unlink()
        loaded = load_encoder(replace(files, folder=folder), "cpu")
        assert np.array_equal(loaded.encode(["hello"], "query"), MiniLM(files.folder).encode(["hello"], "query"))
    else:
        (folder / "tokenizer.json").write_text("{}")
        with pytest.raises(EncoderNotFound):
            load_encoder(replace(files, folder=folder), "cpu")
