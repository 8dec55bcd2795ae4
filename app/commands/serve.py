"""``spandraft serve``: serves the web page on this machine until it is interrupted."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from app.commands.loading import load_pipeline
from app.commands.options import GENERATION, MODEL, SEARCH, add_common, add_no_speculation
from app.commands.terminal import Terminal
from app.config.settings import Settings

_INTERRUPTED = 130


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``serve``."""
    serve = commands.add_parser("serve", help="ask, correct and manage documents in the browser")
    add_no_speculation(serve)
    add_common(serve, ("host", "port", *SEARCH, "evidence_sentences", "quote", "copy_bias", *MODEL, *GENERATION))
    serve.set_defaults(run=_serve, answers_once_loaded=True)


def _serve(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.ui.serving.server import check_address, serve

    # Before the model is loaded, so that a port that is taken is reported at once.
    check_address(settings.host, settings.port)
    terminal.note("Loading the models ...")
    pipeline = load_pipeline(settings, terminal, corpus=settings.corpus)
    if terminal.json:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        terminal.document({"url": f"http://{host}:{settings.port}"})
    try:
        serve(pipeline, settings, out=terminal.err if terminal.json else terminal.out)
    except KeyboardInterrupt:
        # Ctrl-C is the usual way to end it: no error message, but the exit code that a shell expects.
        return _INTERRUPTED
    return 0
