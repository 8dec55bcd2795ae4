"""``spandraft corpus list``, ``show`` and ``remove``: the documents of corpora."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from app.commands.terminal import Terminal, may_ask, plain
from app.config.settings import Settings
from app.errors import InputError
from app.output.answer_json import error_document
from app.output.formatting import amount, count, day
from corpora.errors import CorpusNotFound, DamagedLibrary, LibraryError
from corpora.store.corpus_names import in_shell
from corpora.store.library import Library

if TYPE_CHECKING:
    from app.conversations.quotations import QuotingConversation
    from app.library.deletion import CorpusReceipt, Receipt
    from app.library.summary import CorpusSummary, IndexSummary
    from corpora.documents import Document, Passage
    from corpora.store.listing import ListedDocument
    from corpora.store.records import DocumentInfo
    from corpora.store.store import CorpusStore

_ALL: Final = 2**62  # documents
_EXCERPT: Final = 600  # characters of a document that are shown
_WRONG_INPUT: Final = 2


def show_list(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """The corpora, or the documents of one."""
    library = Library(settings.home)
    if args.name is None:
        return _list_corpora(library, terminal)
    _list_documents(library.open(args.name), terminal)
    return 0


def show(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """What there is to know of a corpus, or of one of its documents."""
    from app.library.lookup import find_document, passages_of
    from app.library.summary import summary_of
    from app.output.library_json import summary_document, whole_document

    store = Library(settings.home).open(args.name)
    if args.document is None:
        summary = summary_of(store)
        if terminal.json:
            terminal.document(summary_document(summary))
        else:
            _show_summary(summary, terminal)
        return 0
    info = find_document(args.document, store.documents(), corpus=args.name, parts=True)
    document = store.document(info.id)
    passages = passages_of(store, info.id)
    if terminal.json:
        terminal.document({"corpus": args.name, **whole_document(document, passages)})
    else:
        _show_document(info, document, passages, terminal)
    return 0


def remove(args: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """Remove documents, or a whole corpus, for good. Whatever goes is listed before anybody is asked."""
    from app.library.deletion import quoting_corpus, quoting_document, quoting_removed, remove_corpus
    from app.library.lookup import find_document

    library = Library(settings.home)
    store = library.open(args.name)
    if not args.documents:
        documents = count(len(store.documents()), "document")
        store.close()
        quoting = quoting_corpus(library, args.name, home=settings.home)
        goes = _require_yes(args, f"the corpus {store.name} with {documents}", quoting, terminal)
        _report_corpus(
            args.name, remove_corpus(library, args.name, home=settings.home, with_conversations=goes), terminal
        )
        return 0
    # All are looked up before the first is removed: a misspelt name leaves everything as it was.
    known = store.documents()
    if args.with_conversations and len(args.documents) == 1 and not _is_there(args.documents[0], known):
        quoting = quoting_removed(store, args.documents[0], home=settings.home)
        if quoting:
            return _remove_quoting(args, settings, quoting, terminal)
    infos = {info.id: info for info in (find_document(name, known, corpus=args.name) for name in args.documents)}
    (first, *others) = infos.values()
    named = count(len(infos), "document") if others else plain(first.name)
    quoting = [one for document in infos for one in quoting_document(store, document, home=settings.home)]
    goes = _require_yes(args, f"{named} of {store.name}", quoting, terminal)
    receipts = _removed(args, settings, infos, goes)
    if terminal.json:
        from app.output.receipts import receipt_document

        told: dict[str, object] = {"corpus": args.name, "removed": [info.name for info in infos.values()]}
        told["receipts"] = [receipt_document(receipt) for receipt in receipts]
        terminal.document(told)
    else:
        _report_documents(receipts, terminal, whole=args.receipt)
    return 0


def _removed(
    args: argparse.Namespace, settings: Settings, document_ids: Iterable[str], conversations: Collection[str]
) -> list[Receipt]:
    from app.library.corpus import Corpus

    corpus = Corpus.open(args.name, settings=settings)
    return [corpus.remove(document, with_conversations=conversations) for document in document_ids]


def _remove_quoting(
    args: argparse.Namespace, settings: Settings, quoting: Sequence[QuotingConversation], terminal: Terminal
) -> int:
    """The document was removed before, and now the conversations that cite it."""
    from app.library.deletion import remove_quoting
    from app.output.receipts import conversation_document

    document = args.documents[0]
    _require_yes(args, "", quoting, terminal)
    remove_quoting(quoting, home=settings.home)
    if terminal.json:
        removed = [conversation_document(conversation) for conversation in quoting]
        terminal.document({"corpus": args.name, "removed": [], "receipts": [], "conversations": removed})
        return 0
    cited = f"{_are(len(quoting), 'conversation')} gone, too"
    terminal.line(f"{plain(document)} was removed from {args.name} before; now {cited}")
    return 0


def _list_corpora(library: Library, terminal: Terminal) -> int:
    """One line each; a corpus that cannot be read hides none of the others."""
    from corpora.store.listing import listing

    corpora: list[dict[str, object]] = []
    rows = [("corpus", "documents", "passages")]
    code = 0
    for name in library.names():
        try:
            holdings = listing(library.open(name), limit=0)
        except CorpusNotFound:
            continue  # Removed meanwhile.
        except LibraryError as error:
            code = _WRONG_INPUT
            what = (
                f"damaged: spandraft corpus verify {in_shell(name)}"
                if isinstance(error, DamagedLibrary)
                else error.cause
            )
            rows.append((name, plain(what), ""))
            corpora.append({"name": name, **error_document(error.cause, error.hint)})
        else:
            rows.append((name, str(holdings.documents), str(holdings.passages)))
            corpora.append({"name": name, "documents": holdings.documents, "passages": holdings.passages})
    if terminal.json:
        terminal.document({"corpora": corpora})
    elif corpora:
        terminal.table(rows)
    else:
        terminal.note("There is no corpus yet: spandraft corpus create NAME, or spandraft corpus sample")
    return code


def _list_documents(store: CorpusStore, terminal: Terminal) -> None:
    from app.output.library_json import listed_document
    from corpora.store.listing import listing

    documents = listing(store, limit=_ALL).rows
    if terminal.json:
        listed = [listed_document(document) for document in documents]
        terminal.document({"corpus": store.name, "documents": listed})
    elif documents:
        rows = [
            (plain(document.name), str(document.chars), str(document.passages), _parts(document), document.id)
            for document in documents
        ]
        terminal.table([("document", "characters", "passages", "", "id"), *rows])
    else:
        terminal.note(f"The corpus is empty: spandraft corpus add {in_shell(store.name)} FILE")


def _parts(document: ListedDocument) -> str:
    parts = [count(number, kind) for kind, number in document.leaves.items()]
    return ", ".join([*parts, *filter(None, [document.language])])


def _show_summary(summary: CorpusSummary, terminal: Terminal) -> None:
    length = (
        f"of about {count(summary.chunking.target_chars, 'character')} (overlap: {summary.chunking.overlap_sentences})"
    )
    terminal.line(terminal.bold(summary.name))
    rows = [
        ("documents", f"{summary.documents:,}, {count(summary.characters, 'character')}"),
        ("passages", f"{summary.passages:,} {length}"),
        ("encoder", summary.encoder or "none yet"),
        *((f"  {kind.partition(':')[0]}", count(rows, "row")) for kind, rows in summary.derived.items()),
        ("on disk", ", ".join(f"{part} {amount(size)}" for part, size in summary.bytes.items() if size)),
        *(("index", _index(index)) for index in summary.indexes),
        (
            "database",
            f"format {summary.format}, " + ("sealed" if summary.is_sealed else "not sealed: checked by its rows"),
        ),
        ("folder", str(summary.folder)),
    ]
    if summary.rebuild_under_way:
        rows.append(("rebuild", "interrupted: the same command goes on with it"))
    if summary.jobs:
        rows.append(("jobs", f"{summary.jobs} not finished: spandraft corpus jobs {in_shell(summary.name)}"))
    for name, value in rows:
        terminal.line(f"  {name:<10} {value}")


def _index(index: IndexSummary) -> str:
    if index.cause is not None:
        return index.cause
    state = "current" if index.is_current else "brought in step by the next question"
    return f"{index.kind.partition(':')[0]}: {count(index.rows, 'row')}, {amount(index.bytes)}, {state}"


def _show_document(info: DocumentInfo, document: Document, passages: list[Passage], terminal: Terminal) -> None:
    kinds: dict[str, int] = {}
    for mark in document.marks:
        kinds[mark.kind] = kinds.get(mark.kind, 0) + 1
    terminal.line(terminal.bold(plain(info.name)))
    rows = [
        ("id", info.id),
        ("added", day(info.added_at)),
        ("text", f"{count(len(document.text), 'character')}, {count(len(passages), 'passage')}"),
        *((key, plain(str(value))) for key, value in document.metadata.items()),
    ]
    if kinds:
        rows.append(("places", ", ".join(count(number, kind) for kind, number in kinds.items())))
    for name, value in rows:
        terminal.line(f"  {plain(name):<10} {value}")
    excerpt = document.text[:_EXCERPT]
    terminal.line("\n" + "\n".join(plain(line) for line in excerpt.splitlines()))
    if len(document.text) > len(excerpt):
        terminal.line(f"... and {count(len(document.text) - len(excerpt), 'more character')} (--json prints all)")


def _require_yes(
    args: argparse.Namespace, what: str, quoting: Sequence[QuotingConversation], terminal: Terminal
) -> frozenset[str]:
    """List the conversations that go and ask for a yes, unless ``--yes`` was given; the ids of those that go.

    ``what`` goes beside them; empty for nothing. Raises ``InputError`` for a no, and where nobody can be asked.
    """
    from app.output.receipts import conversation_line

    going = {one.id: one for one in quoting if args.with_conversations}
    named = " and ".join(filter(None, [what, count(len(going), "conversation") if going else ""]))
    if not args.yes and (terminal.json or not may_ask()):
        raise InputError(f"nothing was removed: {named} would go for good", hint="add --yes")
    if going and not terminal.json:
        terminal.note("This conversation goes, too:" if len(going) == 1 else "These conversations go, too:")
        for one in going.values():
            terminal.note(f"  {plain(conversation_line(one))}")
    if not args.yes:
        terminal.err.write(f"Remove {named} for good? [y/N] ")
        terminal.err.flush()
        if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
            raise InputError("nothing was removed", hint="answer y, or add --yes")
    return frozenset(going)


def _are(number: int, what: str) -> str:
    return f"{count(number, what)} {'is' if number == 1 else 'are'}"


def _is_there(wanted: str, known: list[DocumentInfo]) -> bool:
    return any(wanted in (info.id, info.name) or info.name.endswith(f"/{wanted}") for info in known)


def _report_documents(receipts: list[Receipt], terminal: Terminal, *, whole: bool) -> None:
    from app.output.receipts import receipt_lines

    for receipt in receipts:
        if whole:
            for line in receipt_lines(receipt):
                terminal.line(plain(line))
            continue
        terminal.line(f"Removed from {receipt.corpus}: {plain(receipt.document)}")
        for line in receipt.pending:
            terminal.note(f"Not yet: {line}")
        if receipt.conversations_removed:
            terminal.note(f"{_are(receipt.conversations_removed, 'conversation')} gone, too")
        elif receipt.conversations:
            _report_staying(receipt.conversations, terminal)
            again = f"spandraft corpus remove {in_shell(receipt.corpus)} {receipt.id} --with-conversations --yes"
            what = "it" if len(receipt.conversations) == 1 else "them"
            terminal.note(f"Remove {what}, too: {again}")


def _report_staying(conversations: Iterable[QuotingConversation], terminal: Terminal) -> None:
    from app.output.receipts import conversation_line

    for conversation in conversations:
        terminal.note(f"A conversation that quotes it stays: {plain(conversation_line(conversation))}")


def _report_corpus(name: str, receipt: CorpusReceipt, terminal: Terminal) -> None:
    from app.output.receipts import corpus_receipt_document

    if terminal.json:
        terminal.document({"corpus": name, "removed": "all", **corpus_receipt_document(receipt)})
        return
    terminal.line(
        f"Removed corpus {name}: {count(receipt.documents, 'document')}, {count(receipt.passages, 'passage')}, "
        f"{count(receipt.files, 'file')} of {amount(receipt.bytes)}"
    )
    if receipt.conversations_removed:
        terminal.note(f"{_are(receipt.conversations_removed, 'conversation')} gone, too")
    elif receipt.conversations:
        _report_staying(receipt.conversations, terminal)
        terminal.note(f"Delete {'it' if len(receipt.conversations) == 1 else 'them'} in the page if you want to")
