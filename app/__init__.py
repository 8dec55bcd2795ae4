"""The app floor: the only one that knows both text and token ids. ``from app import Pipeline, Corpus``.

Each public name is loaded when it is first used, so that importing the package costs nothing, and ``Corpus`` loads no
model that writes and no part of the page.

Folders from the top; each imports only what stands below it:

    cli           the command ``spandraft``
    commands      its sub-commands
    ui            the web page                   doctor    what is wrong with an installation
    training      how the bundled models were made        examples  six short programs
    bench         what it is worth, measured
    pipeline      ask and correct: puts together what stands below
    output        answers and library as text and JSON
    answering     one question                   correction    one text to correct
    library       corpora: documents in, passages out
    loading       settings to loaded models      conversations  what was said on the page
    generation    prompts, requests, text from tokens
    config        settings and options           likely_edits, phrases    what drafts know of English
    model_store   language models of this machine
    errors        cause and hint; any folder may raise them
    models        the bundled weights
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from app.loading.environment import wait_passively

if TYPE_CHECKING:
    from app.answering.stream import AnswerStream
    from app.config.settings import Settings
    from app.correction.stream import CorrectionStream
    from app.errors import (
        ArgumentError,
        InputError,
        MissingPartError,
        ModelError,
        SettingError,
        SpandraftError,
        UnknownNameError,
    )
    from app.generation.events import (
        Answer,
        Citation,
        Correction,
        CorrectionDone,
        Done,
        Edit,
        Retrieval,
        RunStats,
        SourceCounts,
        SourcePassage,
        TextDelta,
    )
    from app.generation.prompts import Message
    from app.library.corpus import Corpus
    from app.library.searchable import Searchable
    from app.pipeline import Pipeline
    from corpora.documents import Document
    from corpora.errors import CorporaError, CorpusExists, CorpusNotFound, DocumentNotFound, InvalidName
    from decoding.errors import DecodingError
    from retrieval.errors import RetrievalError

__all__ = [
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
]

_MODULES = {
    "AnswerStream": "app.answering.stream",
    "Corpus": "app.library.corpus",
    "CorrectionStream": "app.correction.stream",
    "DecodingError": "decoding.errors",
    "Document": "corpora.documents",
    "Message": "app.generation.prompts",
    "Pipeline": "app.pipeline",
    "RetrievalError": "retrieval.errors",
    "Searchable": "app.library.searchable",
    "Settings": "app.config.settings",
    **dict.fromkeys(
        (
            "ArgumentError",
            "InputError",
            "MissingPartError",
            "ModelError",
            "SettingError",
            "SpandraftError",
            "UnknownNameError",
        ),
        "app.errors",
    ),
    **dict.fromkeys(
        ("CorporaError", "CorpusExists", "CorpusNotFound", "DocumentNotFound", "InvalidName"), "corpora.errors"
    ),
}
"""Where each public name stands; those that are not listed are events and answers."""


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    wait_passively()  # Before torch is imported.
    return getattr(import_module(_MODULES.get(name, "app.generation.events")), name)
