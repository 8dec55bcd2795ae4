"""The library as lists: documents of a corpus, and what became of uploaded files."""

from __future__ import annotations

from collections.abc import Sequence

from app.ui.interfaces import DocumentRow, IngestRow
from app.ui.markup import Html, tag

_STATES = {
    "waiting": "waiting",
    "reading": "reading …",
    "added": "added",
    "replaced": "replaced",
    "duplicate": "already there",
    "failed": "failed",
}


def documents_view(corpus: str, rows: Sequence[DocumentRow]) -> Html:
    """The documents of one corpus, each with a button that removes it on the second click."""
    drop = tag(
        "button",
        "Remove corpus",
        type="button",
        class_="quiet danger",
        data_event="drop",
        data_corpus=corpus,
        data_confirm=f"Remove {corpus} and all it holds?",
    )
    count = "1 document" if len(rows) == 1 else f"{len(rows)} documents"
    total = (
        f"{count}, {sum(row.characters for row in rows):,} characters, {sum(row.passages for row in rows):,} passages"
    )
    head = tag("header", tag("h2", corpus), tag("span", total, class_="where"), drop)
    if not rows:
        body = tag("p", "Nothing here yet. Add files above: pdf, md, html or txt.", class_="empty")
    else:
        names = ("Document", "Characters", "Passages")
        titles = [tag("th", name, scope="col") for name in names]
        last = tag("th", tag("span", "Action", class_="sr"), scope="col")
        table = tag("table", tag("thead", tag("tr", *titles, last)), tag("tbody", *(_row(corpus, row) for row in rows)))
        body = tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=f"Documents of {corpus}")
    return tag("section", head, body, class_="documents")


def outcomes_view(rows: Sequence[IngestRow]) -> Html:
    """One row a file, with cause and remedy where it failed."""
    items = [
        tag(
            "li",
            tag("span", row.file, class_="name"),
            tag("span", row.doing or _STATES[row.state], class_="state"),
            tag("span", row.cause, class_="cause") if row.cause else "",
            tag("span", row.hint, class_="hint") if row.hint else "",
            class_=row.state,
        )
        for row in rows
    ]
    done = sum(row.state not in ("waiting", "reading") for row in rows)
    return tag("ul", *items, class_="outcomes", aria_label=f"{done} of {len(rows)} files done", aria_live="polite")


def _row(corpus: str, row: DocumentRow) -> Html:
    button = tag(
        "button",
        "Remove",
        type="button",
        class_="quiet danger",
        data_event="remove",
        data_corpus=corpus,
        data_document=row.id,
        data_confirm="Really remove?",
        aria_label=f"Remove {row.name}",
    )
    return tag(
        "tr",
        tag("th", row.name, scope="row"),
        tag("td", f"{row.characters:,}"),
        tag("td", f"{row.passages:,}"),
        tag("td", button),
    )
