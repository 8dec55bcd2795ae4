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

from app.config.settings import Settings
from app.loading.minilm import MiniLM
from app.loading.search_models import SearchModels, load_encoder
from corpora.sample import sample_documents
from retrieval.encoder import SentenceTransformerEncoder, load_with_sentence_transformers
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
from retrieval.errors import EncoderNotFound

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
    assert ours.is_on_cpu == theirs.is_on_cpu
    for role in ("query", "document"):
        assert ours.prompt_tokens(role) == theirs.prompt_tokens(role)
    texts = [*ODD, *pieces(120, seed=1)]
    spans = [[[tuple(span) for span in text] for text in model.spans(texts)] for model in (ours, theirs)]
    assert spans[0] == spans[1]
    rng, at = random.Random(2), 0
    while at < len(texts):
        batch = texts[at : at + rng.choice((1, 1, 2, 3, 5, 8))]
        at += len(batch)
        assert np.array_equal(ours.encode(batch, "query"), theirs.encode(batch, "query")), batch


def test_an_encoder_that_is_built_from_settings_gives_the_reference_s_vectors() -> None:
    built = SearchModels(Settings(device="cpu")).encoder
    reference = SentenceTransformerEncoder(device="cpu")
    assert built.name == reference.name
    texts = [*ODD, *pieces(30, seed=3)]
    assert np.array_equal(built.encode_passages(texts), reference.encode_passages(texts))
    assert np.array_equal(built.encode_queries(texts[-2:]), reference.encode_queries(texts[-2:]))


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
