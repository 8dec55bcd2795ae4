"""What a deletion took, as values, as lines and as JSON: the receipt that ``--receipt`` prints and the page shows.

Counted before and after, not claimed: files are compared, and what could not be done yet is said. Knows nothing of how
things are deleted.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.conversations.quoting import Quoting
from app.output.library_json import conversation_document


@dataclass(frozen=True, slots=True)
class Receipt:
    """What went with one document.

    ``terms`` are words in the BM25 index, ``draft_tokens`` those that drafts could be copied from. Files are named
    within the corpus' folder. ``pending``: what is still to come, one line each. ``conversations`` quote the document;
    ``conversations_removed`` of them went with it.
    """

    corpus: str
    document: str
    id: str
    characters: int
    text_bytes: int
    passages: int
    vectors: int
    sentence_vectors: int
    terms: int
    draft_tokens: int
    files_deleted: tuple[str, ...]
    files_rewritten: tuple[str, ...]
    pending: tuple[str, ...]
    conversations: tuple[Quoting, ...]
    conversations_removed: int

    @property
    def is_erased(self) -> bool:
        """Whether nothing is left to be done."""
        return not self.pending


def receipt_lines(receipt: Receipt) -> list[str]:
    """The receipt for people."""
    rows = [
        ("text", f"{receipt.characters:,} characters, overwritten"),
        ("passages", f"{receipt.passages:,}"),
        ("vectors", f"{receipt.vectors:,} of passages, {receipt.sentence_vectors:,} of sentences"),
        ("terms", f"{receipt.terms:,} in the word index"),
        ("drafts", f"{receipt.draft_tokens:,} tokens, and all that running servers keep of earlier outputs"),
        ("files", _files(receipt)),
        ("conversations", _conversations(receipt)),
    ]
    lines = [f"{receipt.document} ({receipt.id}) is gone from {receipt.corpus}:"]
    lines += [f"  {name:<14} {value}" for name, value in rows]
    return lines + [f"  {'pending' if number == 0 else '':<14} {line}" for number, line in enumerate(receipt.pending)]


def receipt_document(receipt: Receipt) -> dict[str, object]:
    """The receipt for programs."""
    return {
        "corpus": receipt.corpus,
        "document": receipt.document,
        "id": receipt.id,
        "characters": receipt.characters,
        "text_bytes": receipt.text_bytes,
        "passages": receipt.passages,
        "vectors": receipt.vectors,
        "sentence_vectors": receipt.sentence_vectors,
        "terms": receipt.terms,
        "draft_tokens": receipt.draft_tokens,
        "files_deleted": list(receipt.files_deleted),
        "files_rewritten": list(receipt.files_rewritten),
        "pending": list(receipt.pending),
        "conversations": [conversation_document(one) for one in receipt.conversations],
        "conversations_removed": receipt.conversations_removed,
    }


def _files(receipt: Receipt) -> str:
    deleted, rewritten = len(receipt.files_deleted), len(receipt.files_rewritten)
    parts = [f"{deleted} deleted"] if deleted else []
    parts += [f"{rewritten} rewritten ({', '.join(receipt.files_rewritten)})"] if rewritten else []
    return ", ".join(parts) or "none had to change"


def _conversations(receipt: Receipt) -> str:
    if not receipt.conversations:
        return "none quote it"
    count = len(receipt.conversations)
    if receipt.conversations_removed:
        return f"{receipt.conversations_removed} of {count} that quote it are gone, too"
    return f"{count} still quote it; remove them, too: --with-conversations"
