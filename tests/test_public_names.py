"""The names that others may build on: what each package exports, and that a corpus comes without the page."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_NAMES = {
    "app": [
        "Answer",
        "AnswerStream",
        "ArgumentError",
        "Citation",
        "CorporaError",
        "Corpus",
        "CorpusExists",
        "CorpusNotFound",
        "Correction",
        "CorrectionDone",
        "CorrectionStream",
        "DecodingError",
        "Document",
        "DocumentNotFound",
        "Done",
        "Edit",
        "InputError",
        "InvalidName",
        "Message",
        "MissingPartError",
        "ModelError",
        "Pipeline",
        "Retrieval",
        "RetrievalError",
        "RunStats",
        "Searchable",
        "SettingError",
        "Settings",
        "SourceCounts",
        "SourcePassage",
        "SpandraftError",
        "TextDelta",
        "UnknownNameError",
    ],
    "corpora": [
        "Chunking",
        "CorporaError",
        "CorpusStore",
        "Derived",
        "Document",
        "FileOutcome",
        "Jobs",
        "Library",
        "LibraryError",
        "Limits",
        "Loader",
        "LoaderError",
        "Mark",
        "Passage",
        "export_corpus",
        "import_corpus",
        "ingest",
        "load_bytes",
        "load_file",
        "passages",
        "sample_documents",
        "sentences",
        "verify",
    ],
    "decoding": [
        "AcceptanceCriterion",
        "Budget",
        "Commit",
        "DecodingError",
        "DraftContext",
        "DraftSource",
        "DraftTree",
        "Engine",
        "FinishReason",
        "Origin",
        "OriginKind",
        "Processor",
        "Reference",
        "Request",
        "Sampling",
        "Session",
        "Stats",
        "Target",
        "load_target",
        "make_criterion",
        "target_of",
    ],
    "retrieval": [
        "CosineRelevance",
        "EmptyCorpus",
        "Encoder",
        "EncoderChanged",
        "EncoderNotFound",
        "Evidence",
        "Hit",
        "HybridRetriever",
        "LearnedRelevance",
        "PassageStore",
        "Query",
        "Relevance",
        "RetrievalError",
        "Retrieved",
        "Retriever",
        "SentenceCache",
        "SentenceRows",
        "SentenceTransformerEncoder",
        "VectorRows",
        "reciprocal_rank_fusion",
        "select_evidence",
    ],
}


@pytest.mark.parametrize("package", sorted(_NAMES))
def test_exported_names(package: str) -> None:
    """A name that is added or dropped is added or dropped here, and in the changelog."""
    module = importlib.import_module(package)
    names = _NAMES[package]
    assert names == sorted(names)
    assert list(module.__all__) == names
    for name in names:
        assert getattr(module, name).__name__ == name


@pytest.mark.parametrize("package", ["corpora", "decoding", "retrieval"])
def test_importing_a_package_loads_none_of_its_modules(package: str) -> None:
    assert [module for module in _loaded_by(f"import {package}") if module.startswith(f"{package}.")] == []


@pytest.mark.parametrize("name", ["Corpus", "Pipeline"])
def test_a_public_name_loads_no_module_of_page_or_command_line(name: str) -> None:
    loaded = _loaded_by(f"from app import {name}")
    assert f"app.{'pipeline' if name == 'Pipeline' else 'library.corpus'}" in loaded
    forbidden = ("app.ui", "app.commands", "app.output", "app.doctor", "app.bench", "app.training", "gradio", "fastapi")
    assert [module for module in loaded if module.startswith(forbidden)] == []


def test_a_wrong_name_or_keyword_is_told_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    """Held by what is loaded, not by a clock: torch alone takes seconds."""
    asked = ('corpus="nope"', 'corpus="../nope"', 'corpsu="sample"', "corpus=7", 'target="no/such/folder/at/all"')
    for given in asked:
        home = f"settings=Settings(home=__import__('pathlib').Path({str(tmp_path)!r}))"
        failing = f"""from app import Pipeline, Settings
try:
    Pipeline({given}, {home})
except Exception as error:
    assert error.cause and error.hint and str(error) == error.cause + chr(10) + error.hint
else:
    raise AssertionError
"""
        loaded = _loaded_by(f"exec({failing!r})")
        heavy = ("torch", "transformers", "numba", "faiss", "scipy", "sentence_transformers", "langchain_core")
        assert "app.pipeline" in loaded
        assert [module for module in loaded if module in heavy] == [], given


def _loaded_by(statement: str) -> list[str]:
    """The modules that a fresh process has loaded after ``statement``."""
    program = f"import sys; {statement}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=_ROOT, text=True, capture_output=True, check=True
    )
    return done.stdout.split()
