"""The documents of a corpus: where files are added, the list, the questions before a removal, and its receipt."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from app.conversations.quotations import QuotingConversation
from app.library.deletion import Receipt
from app.output.formatting import count, day, kind_of, listed, sentence
from app.ui.views.markup import Html, tag
from corpora.store.listing import Holdings, ListedDocument, Listing

ROWS = 50


def upload_view(corpus: str, kinds: Sequence[str], suffixes: Sequence[str]) -> Html:
    """Where files, folders and archives are dropped or chosen; sending them is the work of ``assets/library.js``."""
    if not corpus:
        return tag("p", "Create a corpus above, then add files to it.", class_="empty")
    files = tag("input", type="file", multiple=True, class_="sr", aria_label="Choose files")
    folder = tag("input", type="file", webkitdirectory=True, class_="sr", aria_label="Choose a folder")
    return tag(
        "section",
        tag(
            "p",
            tag("strong", f"Drop files, folders or a zip here to add them to {corpus}"),
            tag("small", ", ".join(kinds)),
        ),
        tag(
            "div",
            tag("label", "Choose files", files, class_="quiet"),
            tag("label", "Choose a folder", folder, class_="quiet"),
            tag("button", "Cancel", type="button", class_="quiet", data_give_up=True, hidden=True),
            class_="buttons",
        ),
        tag("p", class_="progress", role="status", data_progress=True),
        tag("p", class_="refused", role="alert", data_refused=True),
        tag("button", type="button", hidden=True, data_event="staged", aria_hidden="true"),
        class_="drop",
        data_upload=True,
        data_corpus=corpus,
        data_formats=" ".join(suffixes),
        aria_label="Add files",
    )


def loading_view() -> Html:
    """Shown in place of the documents until the server has sent the list of corpora."""
    return tag("p", "Loading...", class_="empty", role="status")


def damaged_view(corpus: str, problem: Html) -> Html:
    """A corpus that cannot be opened, with the ``problem`` that says why."""
    head = tag("header", tag("h2", corpus), tag("span", "cannot be opened", class_="where"))
    return tag("section", head, problem, class_="documents", data_corpus=corpus)


def head_view(corpus: str, listing: Listing) -> Html:
    """Name and size of a corpus, and the button that removes it."""
    drop = tag(
        "button",
        "Remove corpus",
        type="button",
        class_="quiet danger",
        data_event="doomed",
        data_corpus=corpus,
    )
    total = f"{count(listing.documents, 'document')}, {count(listing.passages, 'passage')}"
    return tag("header", tag("h2", corpus), tag("span", total, class_="where"), drop)


def documents_view(corpus: str, listing: Listing, *, first: int = 0, name_filter: str = "") -> Html:
    """Documents of one corpus from number ``first`` on; their names have all words of ``name_filter``."""
    if not listing.documents:
        body: Html = tag("p", "Nothing here yet. Add files above, or drop a folder.", class_="empty")
    elif not listing.rows:
        body = tag("p", f"No document is called anything like “{name_filter}”.", class_="empty")
    else:
        body = _table(corpus, listing)
    return tag(
        "section", head_view(corpus, listing), body, _pager(listing, first), class_="documents", data_corpus=corpus
    )


def removal_view(corpus: str, holdings: Holdings, own: Sequence[QuotingConversation] = ()) -> Html:
    """The question before a document is removed: what is deleted, and which conversations of this browser quote it."""
    document = holdings.document
    deleted = [
        f"{count(document.chars, 'character')} of text, in {count(document.passages, 'passage')}",
        "its place in searches, and whatever drafts could copy from it",
    ]
    return _question(f"Remove {document.name}?", deleted, own, "remove", corpus, data_document=document.id)


def corpus_removal_view(corpus: str, listing: Listing, own: Sequence[QuotingConversation] = ()) -> Html:
    """The question before a whole corpus is removed, like that of ``removal_view``."""
    deleted = [
        f"{count(listing.documents, 'document')}, in {count(listing.passages, 'passage')}",
        "what searches and drafts had of its documents",
        "the list of what was added to it, and when",
    ]
    return _question(f"Remove the corpus {corpus}?", deleted, own, "drop", corpus)


def corpus_receipt_view(corpus: str, own: Sequence[QuotingConversation]) -> Html:
    """A whole corpus is removed, and these conversations of this browser quote it."""
    title = tag("h3", "The corpus ", tag("bdi", corpus), " is removed")
    return tag("section", title, _quoting(own), class_="receipt", role="status")


def receipt_view(receipt: Receipt, own: Sequence[QuotingConversation] = ()) -> Html:
    """What a removal deleted, and which conversations of this browser still quote the document."""
    lines = {
        "Text": f"{count(receipt.characters, 'character')}, overwritten" if receipt.is_erased else "being overwritten",
        "Passages": f"{receipt.passages:,}",
        "Vectors": f"{receipt.vectors:,} of passages, {receipt.sentence_vectors:,} of sentences",
        "Word index": count(receipt.terms, "term"),
        "Drafts": f"{count(receipt.draft_tokens, 'token')}, and what was kept of earlier outputs",
        "Files": f"{len(receipt.files_deleted):,} deleted, {len(receipt.files_rewritten):,} rewritten",
        **({"Still to come": "; ".join(receipt.pending)} if receipt.pending else {}),
    }
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in lines.items()]
    return tag(
        "section",
        tag("h3", tag("bdi", receipt.document), " is removed"),
        tag("dl", *rows),
        _quoting(own),
        class_="receipt",
        role="status",
    )


def _quoting(own: Sequence[QuotingConversation]) -> Html:
    """Conversations that still quote what is gone, and the button that removes them."""
    if not own:
        return Html()
    verb = "quotes" if len(own) == 1 else "quote"
    return tag(
        "div",
        tag("p", f"{count(len(own), 'conversation')} of yours still {verb} it:"),
        _titles(own),
        tag(
            "button",
            "Remove them, too" if len(own) > 1 else "Remove it, too",
            type="button",
            class_="quiet danger",
            data_event="conversations",
            data_conversations=" ".join(one.id for one in own),
            data_confirm="Really remove?",
        ),
        class_="quoting",
    )


def _titles(own: Sequence[QuotingConversation]) -> Html:
    """Each conversation by its first question, and what it was asked of."""
    return tag(
        "ul",
        *(
            tag("li", tag("bdi", one.title), tag("span", f" asked of {listed(one.corpora)}", class_="where"))
            for one in own
        ),
    )


def _question(
    title: str, deleted: Sequence[str], own: Sequence[QuotingConversation], event: str, corpus: str, **data: str
) -> Html:
    return tag(
        "dialog",
        tag("h2", tag("bdi", title)),
        tag("p", "This is deleted for good:"),
        tag("ul", *(tag("li", item) for item in deleted)),
        *_staying(own),
        tag(
            "div",
            tag("button", "Keep", type="button", class_="quiet", data_close=True),
            tag(
                "button",
                "Remove",
                type="button",
                class_="quiet danger",
                data_event=event,
                data_corpus=corpus,
                data_close=True,
                **data,
            ),
            class_="buttons",
        ),
        class_="reader doom",
        aria_label=title,
        data_shown=secrets.token_hex(4),
    )


def _staying(own: Sequence[QuotingConversation]) -> list[Html]:
    """What happens to conversations: they stay, and are offered for removal afterwards."""
    if not own:
        return [tag("p", "No conversation of yours quotes it.")]
    verbs, them = ("quotes it and stays", "it") if len(own) == 1 else ("quote it and stay", "them")
    stays = f"{count(len(own), 'conversation')} of yours {verbs}; you can remove {them} afterwards:"
    return [tag("p", stays), _titles(own)]


def _table(corpus: str, listing: Listing) -> Html:
    cells = [_cells(document) for document in listing.rows]
    shown = [title for title in cells[0] if any(row[title] for row in cells)]  # empty columns are left out
    heads = [tag("th", title, scope="col", class_=title.lower()) for title in ("Document", *shown)]
    last = tag("th", tag("span", "Action", class_="sr"), scope="col")
    rows = [
        _row(corpus, document, {title: row[title] for title in shown})
        for document, row in zip(listing.rows, cells, strict=True)
    ]
    table = tag("table", tag("thead", tag("tr", *heads, last)), tag("tbody", *rows))
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=f"Documents of {corpus}")


def _cells(document: ListedDocument) -> dict[str, str]:
    """What is known of a document besides its name, by column title."""
    return {
        "Type": kind_of(document.name),
        "Language": document.language or "",
        "Pages": _leaves(document),
        "Passages": f"{document.passages:,}",
        "Added": day(document.added_at),
    }


def _row(corpus: str, document: ListedDocument, cells: Mapping[str, str]) -> Html:
    button = tag(
        "button",
        "Remove",
        type="button",
        class_="quiet danger",
        data_event="doomed",
        data_corpus=corpus,
        data_document=document.id,
        aria_label=f"Remove {document.name}",
    )
    note = tag("small", sentence(document.notes), class_="note") if document.notes else ""
    return tag(
        "tr",
        tag("th", tag("bdi", document.name, title=document.name), note, scope="row"),
        *(tag("td", text, class_=title.lower()) for title, text in cells.items()),
        tag("td", button),
    )


def _leaves(document: ListedDocument) -> str:
    """``12`` for pages; ``3 slides``, ``2 sheets`` for other parts."""
    return ", ".join(
        f"{number:,}" if kind == "page" else count(number, kind) for kind, number in document.leaves.items()
    )


def _pager(listing: Listing, first: int) -> Html:
    if listing.found <= len(listing.rows):
        return Html()
    last = first + len(listing.rows)
    return tag(
        "nav",
        _turn("Earlier", max(0, first - ROWS), disabled=first == 0),
        tag("span", f"{first + 1:,} to {last:,} of {listing.found:,}", class_="where"),
        _turn("Later", last, disabled=last >= listing.found),
        class_="pager",
        aria_label="Part of the list",
    )


def _turn(label: str, first: int, *, disabled: bool) -> Html:
    return tag(
        "button", label, type="button", class_="quiet", data_event="listing", data_first=first, disabled=disabled
    )
