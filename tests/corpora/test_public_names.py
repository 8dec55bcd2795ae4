"""The public names of the floor: a list that changes on purpose only, and an import that costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import corpora

NAMES = [
    "Chunking", "CorporaError", "CorpusStore", "Derived", "Document", "FileOutcome", "Jobs", "Library", "LibraryError",
    "Limits", "Loader", "LoaderError", "Mark", "Passage", "export_corpus", "import_corpus", "ingest", "load_bytes",
    "load_file", "passages", "sample_documents", "sentences", "verify",
]  # fmt: skip


def test_the_public_names() -> None:
    assert sorted(corpora.__all__) == NAMES
    for name in NAMES:
        assert getattr(corpora, name).__name__ == name
    assert set(NAMES) <= set(dir(corpora))
    assert not hasattr(corpora, "no_such_name")


def test_importing_the_package_imports_nothing_else() -> None:
    program = "import sys, corpora; print([name for name in sys.modules if name.startswith('corpora.')])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
