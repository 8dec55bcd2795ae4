"""``spandraft corpus list``, ``show`` and ``remove``: what there is, and what is to go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.commands.live_lines import may_ask, plain
from app.commands.terminal import Terminal
from app.config.settings import Settings
from app.errors import InputError
from app.output.answer_json import error_document
from app.output.formatting import amount, count, day
from corpora.errors import CorpusNotFound, DamagedLibrary, LibraryError
from corpora.store.library import Library

if TYPE_CHECKING:
    from app.conversations.quoting import Quoting
    from app.library.receipts import Receipt
    from app.library.summary import CorpusSummary
    from corpora.documents import Document, Passage
    from corpora.store.listing import ListedDocument
    from corpora.store.store import CorpusStore, DocumentInfo

_ALL: Final = 2**62
_EXCERPT: Final = 600  # characters of a document that are shown
_NO: Final = 2


def show_list(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """The corpora, or the documents of one."""
    library = Library(settings.home)
    if args.name is None:
        return _list_corpora(library, terminal)
    _list_documents(library.open(args.name), terminal)
    return 0


def show(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """What there is to know of a corpus, or of one of its documents."""
    from app.library.deletion import passages_of
    from app.library.lookup import meant
    from app.library.summary import summary_of
    from app.output.library_json import document_whole, facts_document

    store = Library(settings.home).open(args.name)
    if args.document is None:
        facts = summary_of(store)
        if terminal.json:
            terminal.document(facts_document(facts))
        else:
            _show_facts(facts, terminal)
        return 0
    info = meant(args.document, store.documents(), corpus=args.name, parts=True)
    document = store.document(info.id)
    passages = passages_of(store, info.id)
    if terminal.json:
        terminal.document({"corpus": args.name, **document_whole(document, passages)})
    else:
        _show_document(info, document, passages, terminal)
    return 0


def remove(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """Remove documents, or a whole corpus, for good."""
    from app.library.deletion import remove_conversations_of, remove_corpus
    from app.library.lookup import meant

    library = Library(settings.home)
    store = library.open(args.name)
    if not args.documents:
        holding = count(len(store.documents()), "document")
        _require_yes(args, f"the corpus {store.name} with {holding}", terminal)
        store.close()
        gone = remove_corpus(library, args.name, home=settings.home, with_conversations=args.with_conversations)
        _tell_corpus(args.name, gone, args.with_conversations, terminal)
        return 0
    # All are looked up before the first is removed: a misspelt name leaves everything as it was.
    known = store.documents()
    if args.with_conversations and len(args.documents) == 1 and not _is_there(args.documents[0], known):
        _require_yes(args, f"what cites {plain(args.documents[0])} of {store.name}", terminal)
        late = remove_conversations_of(store, args.documents[0], home=settings.home)
        if late:
            _tell_late(args.name, args.documents[0], late, terminal)
            return 0
    infos = {info.id: info for info in (meant(one, known, corpus=args.name) for one in args.documents)}
    (first, *others) = infos.values()
    named = count(len(infos), "document") if others else plain(first.name)
    _require_yes(args, f"{named} of {store.name}", terminal)
    receipts = _removed(args, settings, infos)
    if terminal.json:
        from app.library.receipts import receipt_document

        document: dict[str, object] = {"corpus": args.name, "removed": [info.name for info in infos.values()]}
        document["receipts"] = [receipt_document(receipt) for receipt in receipts]
        terminal.document(document)
    else:
        _tell_documents(receipts, terminal, whole=args.receipt)
    return 0


def _removed(args: argparse.Namespace, settings: Settings, infos: Iterable[str]) -> list[Receipt]:
    from app.library.corpus import Corpus

    corpus = Corpus.open(args.name, settings=settings)
    return [corpus.remove(one, with_conversations=args.with_conversations) for one in infos]


def _list_corpora(library: Library, terminal: Terminal) -> int:
    """One line each; a corpus that cannot be read hides none of the others."""
    from corpora.store.listing import listing

    documents: list[dict[str, object]] = []
    rows = [("corpus", "documents", "passages")]
    code = 0
    for name in library.names():
        try:
            found = listing(library.open(name), limit=0)
        except CorpusNotFound:
            continue  # Removed meanwhile.
        except LibraryError as error:
            code = _NO
            what = f"damaged: spandraft corpus verify {name}" if isinstance(error, DamagedLibrary) else error.cause
            rows.append((name, plain(what), ""))
            documents.append({"name": name, **error_document(error.cause, error.hint)})
        else:
            rows.append((name, str(found.documents), str(found.passages)))
            documents.append({"name": name, "documents": found.documents, "passages": found.passages})
    if terminal.json:
        terminal.document({"corpora": documents})
    elif documents:
        terminal.table(rows)
    else:
        terminal.note("There is no corpus yet: spandraft corpus create NAME, or spandraft corpus sample")
    return code


def _list_documents(store: CorpusStore, terminal: Terminal) -> None:
    from app.output.library_json import document_line
    from corpora.store.listing import listing

    found = listing(store, limit=_ALL).rows
    if terminal.json:
        terminal.document({"corpus": store.name, "documents": [document_line(one) for one in found]})
    elif found:
        rows = [(plain(one.name), str(one.chars), str(one.passages), _places(one), one.id) for one in found]
        terminal.table([("document", "characters", "passages", "", "id"), *rows])
    else:
        terminal.note(f"The corpus is empty: spandraft corpus add {store.name} FILE")


def _places(found: ListedDocument) -> str:
    return ", ".join([*(count(number, kind) for kind, number in found.leaves.items()), *filter(None, [found.language])])


def _show_facts(facts: CorpusSummary, terminal: Terminal) -> None:
    cut = f"of about {facts.chunking.target_chars} characters (overlap: {facts.chunking.overlap_sentences})"
    terminal.line(terminal.bold(facts.name))
    rows = [
        ("documents", f"{facts.documents:,}, {facts.characters:,} characters"),
        ("passages", f"{facts.passages:,} {cut}"),
        ("encoder", facts.encoder or "none yet"),
        *((f"  {kind.partition(':')[0]}", f"{rows:,} rows") for kind, rows in facts.derived.items()),
        ("on disk", ", ".join(f"{part} {amount(size)}" for part, size in facts.bytes.items() if size)),
        *(("index", _index(one)) for one in facts.indexes),
        ("database", f"format {facts.format}, " + ("sealed" if facts.is_sealed else "not sealed: checked by its rows")),
        ("folder", str(facts.folder)),
    ]
    if facts.rebuild_under_way:
        rows.append(("rebuild", "interrupted: the same command goes on with it"))
    if facts.jobs:
        rows.append(("jobs", f"{facts.jobs} not finished: spandraft corpus jobs {facts.name}"))
    for name, value in rows:
        terminal.line(f"  {name:<10} {value}")


def _index(one: object) -> str:
    from app.library.summary import IndexSummary

    assert isinstance(one, IndexSummary)
    if one.cause is not None:
        return one.cause
    state = "current" if one.is_current else "brought in step by the next question"
    return f"{one.kind.partition(':')[0]}: {one.rows:,} rows, {amount(one.bytes)}, {state}"


def _show_document(info: DocumentInfo, document: Document, passages: list[Passage], terminal: Terminal) -> None:
    kinds: dict[str, int] = {}
    for mark in document.marks:
        kinds[mark.kind] = kinds.get(mark.kind, 0) + 1
    terminal.line(terminal.bold(plain(info.name)))
    rows = [
        ("id", info.id),
        ("added", day(info.added_at)),
        ("text", f"{len(document.text):,} characters, {count(len(passages), 'passage')}"),
        *((key, plain(str(value))) for key, value in document.metadata.items()),
    ]
    if kinds:
        rows.append(("places", ", ".join(count(number, kind) for kind, number in kinds.items())))
    for name, value in rows:
        terminal.line(f"  {plain(name):<10} {value}")
    excerpt = document.text[:_EXCERPT]
    terminal.line("\n" + "\n".join(plain(line) for line in excerpt.splitlines()))
    if len(document.text) > len(excerpt):
        terminal.line(f"... and {len(document.text) - len(excerpt):,} more characters (--json prints all)")


def _require_yes(args: argparse.Namespace, what: str, terminal: Terminal) -> None:
    """Nothing goes at one slip of the finger, nor because there is nobody to be asked."""
    if args.yes:
        return
    if terminal.json or not may_ask():
        raise InputError(f"nothing was removed: {what} would go for good", hint="add --yes")
    terminal.err.write(f"Remove {what} for good? [y/N] ")
    terminal.err.flush()
    if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
        raise InputError("nothing was removed", hint="answer y, or add --yes")


def _is_there(wanted: str, known: list[DocumentInfo]) -> bool:
    return any(wanted in (info.id, info.name) or info.name.endswith(f"/{wanted}") for info in known)


def _tell_documents(receipts: list[Receipt], terminal: Terminal, *, whole: bool) -> None:
    from app.library.receipts import receipt_lines

    for receipt in receipts:
        if whole:
            for line in receipt_lines(receipt):
                terminal.line(plain(line))
            continue
        terminal.line(f"Removed from {receipt.corpus}: {plain(receipt.document)}")
        for line in receipt.pending:
            terminal.note(f"not yet: {line}")
        _tell_quoting(receipt.conversations, receipt.conversations_removed > 0, terminal)
        if receipt.conversations and not receipt.conversations_removed:
            again = f"spandraft corpus remove {receipt.corpus} {receipt.id} --with-conversations --yes"
            terminal.note(f"Remove them, too: {again}")


def _tell_quoting(found: Iterable[Quoting], are_gone: bool, terminal: Terminal) -> None:
    for one in found:
        terminal.note(f"a conversation that quotes it {'is gone' if are_gone else 'stays'}: {plain(one.title)}")


def _tell_corpus(name: str, gone: Mapping[str, int], with_conversations: bool, terminal: Terminal) -> None:
    if terminal.json:
        terminal.document({"corpus": name, "removed": "all", **gone})
        return
    terminal.line(
        f"Removed corpus {name}: {count(gone['documents'], 'document')}, {count(gone['passages'], 'passage')}, "
        f"{count(gone['files'], 'file')} of {amount(gone['bytes'])}"
    )
    if gone["conversations"]:
        what = "are gone, too" if with_conversations else "stay (delete them in the page)"
        terminal.note(f"{count(gone['conversations'], 'conversation')} that cite it {what}")


def _tell_late(corpus: str, document: str, gone: list[Quoting], terminal: Terminal) -> None:
    """The document went before, and now the conversations."""
    from app.output.library_json import conversation_document

    if terminal.json:
        found = [conversation_document(one) for one in gone]
        terminal.document({"corpus": corpus, "removed": [], "receipts": [], "conversations": found})
        return
    terminal.line(f"{document} was removed before; so are now {count(len(gone), 'conversation')} that cited it:")
    for one in gone:
        terminal.line(f"  {plain(one.title)}")


def folder_of(settings: Settings, name: str) -> Path:
    """Where a corpus is, whether or not it can be opened. Raises as ``Library.open`` for one that is not there."""
    library = Library(settings.home)
    if not library.exists(name):
        library.open(name)
    return settings.home / "corpora" / name
