"""``spandraft corpus``: create corpora, add and remove documents, list what there is, build the sample.

One bad file does not stop the others: each file gets a line, and the exit code is 2 if any failed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.options import add_common
from app.commands.terminal import Terminal
from app.contracts import error_document
from app.settings import Settings
from corpora.library import Library

if TYPE_CHECKING:
    from corpora.ingest import FileOutcome, Progress, Stage

_WRONG_INPUT = 2


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``corpus`` and its actions."""
    corpus = commands.add_parser("corpus", help="manage your documents")
    actions = corpus.add_subparsers(metavar="ACTION", required=True)

    create = actions.add_parser("create", help="make an empty corpus")
    create.add_argument("name")
    create.set_defaults(run=_create)

    add = actions.add_parser("add", help="read files or folders into a corpus")
    add.add_argument("name")
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    add.set_defaults(run=_add)

    listing = actions.add_parser("list", help="list the corpora, or the documents of one")
    listing.add_argument("name", nargs="?")
    listing.set_defaults(run=_list)

    remove = actions.add_parser("remove", help="remove documents from a corpus, or a whole corpus")
    remove.add_argument("name")
    remove.add_argument("documents", nargs="*", metavar="DOCUMENT")
    remove.set_defaults(run=_remove)

    sample = actions.add_parser("sample", help="build the sample corpus, unless it is there and current")
    sample.set_defaults(run=_sample)

    for action in (create, add, sample):
        add_common(action, ("encoder",))
    for action in (listing, remove):
        add_common(action)


def _create(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.corpus import Corpus

    Corpus.create(args.name, settings=settings)
    if terminal.json:
        terminal.document({"corpus": args.name, "documents": []})
    else:
        terminal.line(f'There is now a corpus "{args.name}". Add to it: spandraft corpus add {args.name} FILE')
    return 0


def _add(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.corpus import Corpus

    outcomes = Corpus.open(args.name, settings=settings).add(*args.paths, progress=_progress(terminal))
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if terminal.json:
        document: dict[str, object] = {"corpus": args.name, "files": [_file(outcome) for outcome in outcomes]}
        if failed:
            first = failed[0]
            document |= error_document(_cause(first), str(first.hint))
        terminal.document(document)
    else:
        for outcome in outcomes:
            _show(outcome, terminal)
    return _WRONG_INPUT if failed else 0


def _show(outcome: FileOutcome, terminal: Terminal) -> None:
    if outcome.status == "failed":
        terminal.note(f"error: {_cause(outcome)}\nhint: {outcome.hint}")
    elif outcome.status == "duplicate":
        terminal.line(f"{outcome.path}: is there already")
    else:
        passages = "1 passage" if outcome.passages == 1 else f"{outcome.passages} passages"
        terminal.line(f"{outcome.path}: {outcome.status}, {passages}")


def _cause(outcome: FileOutcome) -> str:
    """The cause, behind the path unless it names the file itself."""
    cause = str(outcome.cause)
    return cause if cause.startswith(outcome.path.name) else f"{outcome.path}: {cause}"


def _file(outcome: FileOutcome) -> dict[str, object]:
    return {
        "path": str(outcome.path),
        "status": outcome.status,
        "document": None if outcome.document is None else outcome.document.name,
        "passages": outcome.passages,
        "cause": outcome.cause,
        "hint": outcome.hint,
    }


def _progress(terminal: Terminal) -> Progress:
    """One line that is rewritten, if somebody can see it."""
    shown = terminal.err.isatty()

    def tell(done: int, total: int, name: str, stage: Stage) -> None:
        if shown:
            end = "\n" if done == total else ""
            terminal.err.write(f"\r\x1b[K{done} of {total} files" + (end or f": {stage} {name}") + end)
            terminal.err.flush()

    return tell


def _list(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    library = Library(settings.home)
    if args.name is None:
        _list_corpora(library, terminal)
    else:
        _list_documents(library, args.name, terminal)
    return 0


def _list_corpora(library: Library, terminal: Terminal) -> None:
    corpora = [(name, library.open(name).documents()) for name in library.names()]
    counted = [(name, len(infos), sum(info.passages for info in infos)) for name, infos in corpora]
    if terminal.json:
        keys = ("name", "documents", "passages")
        terminal.document({"corpora": [dict(zip(keys, row, strict=True)) for row in counted]})
    elif counted:
        rows = [(name, str(documents), str(passages)) for name, documents, passages in counted]
        terminal.table([("corpus", "documents", "passages"), *rows])
    else:
        terminal.note("There is no corpus yet: spandraft corpus create NAME, or spandraft corpus sample")


def _list_documents(library: Library, name: str, terminal: Terminal) -> None:
    infos = library.open(name).documents()
    if terminal.json:
        documents = [
            {
                "id": info.id,
                "name": info.name,
                "characters": info.chars,
                "passages": info.passages,
                "added_at": info.added_at.isoformat(),
            }
            for info in infos
        ]
        terminal.document({"corpus": name, "documents": documents})
    elif infos:
        rows = [(info.name, str(info.chars), str(info.passages), info.id) for info in infos]
        terminal.table([("document", "characters", "passages", "id"), *rows])
    else:
        terminal.note(f"The corpus is empty: spandraft corpus add {name} FILE")


def _remove(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    library = Library(settings.home)
    store = library.open(args.name)
    # All are looked up before the first is removed: a misspelt name leaves everything as it was.
    infos = {document.id: document.name for document in map(store.document, args.documents)}
    if infos:
        from app.corpus import Corpus

        corpus = Corpus.open(args.name, settings=settings)
        for document_id in infos:
            corpus.remove(document_id)
    else:
        library.remove(args.name)
    removed = list(infos.values())
    if terminal.json:
        terminal.document({"corpus": args.name, "removed": removed or "all"})
    else:
        terminal.line(f"Removed from {args.name}: {', '.join(removed)}" if removed else f"Removed corpus {args.name}")
    return 0


def _sample(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.corpus import Corpus

    corpus = Corpus.open("sample", settings=settings)
    if terminal.json:
        terminal.document({"corpus": "sample", "documents": len(corpus.documents())})
    return 0
