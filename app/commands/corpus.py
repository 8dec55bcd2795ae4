"""``spandraft corpus``: the parsers of its actions, which are in modules of their own; and the small actions.

One bad file does not stop the others: each gets a line, and the exit code is 2 if any failed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from app.commands import corpus_add, corpus_documents, corpus_jobs, corpus_upkeep
from app.commands.options import add_common, given_path
from app.commands.terminal import Terminal
from app.config.settings import Settings
from corpora.store.corpus_names import in_shell

_CHUNKING: Final = ("encoder", "chunk_chars", "chunk_overlap")


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], argv: Sequence[str]) -> None:
    """Add ``corpus`` and its actions."""
    corpus = commands.add_parser("corpus", help="manage your documents")
    actions = corpus.add_subparsers(metavar="ACTION", required=True)
    _add_writing(actions)
    _add_documents(actions)
    _add_upkeep(actions)


def _add_writing(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    create = actions.add_parser("create", help="make an empty corpus")
    create.add_argument("name")
    create.set_defaults(run=_create)

    add = actions.add_parser("add", help="read files or folders into a corpus")
    add.set_defaults(run=corpus_add.add, sync=False, yes=True)
    sync = actions.add_parser("sync", help="read what changed in folders, and remove what is gone from them")
    sync.add_argument("--yes", action="store_true", help="also if nothing is left in the folders")
    sync.set_defaults(run=corpus_add.add, sync=True)
    for action in (add, sync):
        action.add_argument("name")
        action.add_argument("paths", nargs="+", type=given_path, metavar="PATH")
        action.add_argument("--dry-run", action="store_true", help="only say what would be done with each file")

    jobs = actions.add_parser("jobs", help="list what is being read; pause, resume, cancel, retry it")
    jobs.add_argument("name")
    jobs.add_argument("action", nargs="?", default="list", choices=corpus_jobs.ACTIONS)
    jobs.add_argument("number", nargs="?", type=int, metavar="JOB")
    jobs.add_argument("--file", type=int, metavar="N", help="cancel or retry one file of the job")
    jobs.set_defaults(run=corpus_jobs.jobs)

    sample = actions.add_parser("sample", help="build the sample corpus, unless it is there and current")
    sample.set_defaults(run=_sample)

    for action in (create, add, sync, jobs):
        add_common(action, _CHUNKING)
    add_common(sample, ("encoder",))


def _add_documents(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    listing = actions.add_parser("list", help="list the corpora, or the documents of one")
    listing.add_argument("name", nargs="?")
    listing.set_defaults(run=corpus_documents.show_list)

    show = actions.add_parser("show", help="tell about a corpus, or about one of its documents")
    show.add_argument("name")
    show.add_argument("document", nargs="?", metavar="DOCUMENT", help="its name, its id, or a part of its name")
    show.set_defaults(run=corpus_documents.show)

    remove = actions.add_parser("remove", help="remove documents from a corpus, or a whole corpus, for good")
    remove.add_argument("name")
    remove.add_argument("documents", nargs="*", metavar="DOCUMENT", help="its name or its id")
    remove.add_argument("--receipt", action="store_true", help="say what went")
    remove.add_argument("--with-conversations", action="store_true", help="also the conversations that quote it")
    remove.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can be asked")
    remove.set_defaults(run=corpus_documents.remove)

    for action in (listing, show):
        add_common(action)
    add_common(remove, ("encoder",))


def _add_upkeep(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verify = actions.add_parser("verify", help="compare all files of a corpus, or of all, with what was written")
    verify.add_argument("name", nargs="?")
    verify.set_defaults(run=corpus_upkeep.verify)

    rebuild = actions.add_parser("rebuild", help="make index files anew, or all passages with another encoder or cut")
    rebuild.add_argument("name")
    rebuild.add_argument("--salvage", action="store_true", help="save what can be read of a damaged database first")
    damaged = rebuild.add_mutually_exclusive_group()
    damaged.add_argument("--keep-damaged", action="store_true", help="with --salvage: keep the damaged database anyway")
    damaged.add_argument("--discard-damaged", action="store_true", help="with --salvage: delete it, whatever was lost")
    rebuild.add_argument("--abandon", action="store_true", help="give up what an interrupted rebuild has made")
    rebuild.set_defaults(run=corpus_upkeep.rebuild)

    export = actions.add_parser("export", help="write a corpus to one file that can be given to anybody")
    export.add_argument("name")
    export.add_argument("file", nargs="?", type=given_path, metavar="FILE", help="NAME.spandraft if left out")
    export.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
    export.set_defaults(run=corpus_upkeep.export)

    importing = actions.add_parser("import", help="make a new corpus of an exported file, be it a stranger's")
    importing.add_argument("file", type=given_path, metavar="FILE")
    importing.add_argument("--name", help="what to call it; as it was called if left out")
    importing.add_argument("--recompute", action="store_true", help="use no vectors of the file")
    importing.set_defaults(run=corpus_upkeep.import_)

    add_common(verify)
    add_common(export, ("encoder",))
    for action in (rebuild, importing):
        add_common(action, _CHUNKING)


def _create(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.library.corpus import Corpus

    Corpus.create(args.name, settings=settings)
    if terminal.json:
        terminal.document({"corpus": args.name, "documents": []})
    else:
        terminal.line(
            f'There is now a corpus "{args.name}". Add to it: spandraft corpus add {in_shell(args.name)} FILE'
        )
    return 0


def _sample(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    from app.library.corpus import Corpus

    corpus = Corpus.open("sample", settings=settings)
    if terminal.json:
        terminal.document({"corpus": "sample", "documents": len(corpus.documents())})
    return 0
