"""The receipt of a deletion as lines for people and as JSON for programs, key by key.

Written out rather than derived from the dataclasses: renaming a field must not rename a key.
"""

from __future__ import annotations

from app.conversations.quotations import QuotingConversation
from app.library.deletion import CorpusReceipt, Receipt
from app.output.formatting import count


def receipt_lines(receipt: Receipt) -> list[str]:
    """The receipt for people."""
    rows = [
        ("text", f"{count(receipt.characters, 'character')}, overwritten"),
        ("passages", f"{receipt.passages:,}"),
        ("vectors", f"{receipt.vectors:,} of passages, {receipt.sentence_vectors:,} of sentences"),
        ("terms", f"{receipt.terms:,} in the word index"),
        ("drafts", f"{count(receipt.draft_tokens, 'token')}, and all that running servers keep of earlier outputs"),
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
        "conversations": [conversation_document(conversation) for conversation in receipt.conversations],
        "conversations_removed": receipt.conversations_removed,
    }


def corpus_receipt_document(receipt: CorpusReceipt) -> dict[str, object]:
    """What went with a whole corpus, for programs."""
    return {
        "documents": receipt.documents,
        "passages": receipt.passages,
        "files": receipt.files,
        "bytes": receipt.bytes,
        "conversations": receipt.conversations,
        "conversations_removed": receipt.conversations_removed,
    }


def conversation_document(conversation: QuotingConversation) -> dict[str, object]:
    """A conversation that quotes a document."""
    return {"id": conversation.id, "title": conversation.title, "turns": conversation.turns}


def _files(receipt: Receipt) -> str:
    deleted, rewritten = len(receipt.files_deleted), len(receipt.files_rewritten)
    parts = [f"{deleted} deleted"] if deleted else []
    parts += [f"{rewritten} rewritten ({', '.join(receipt.files_rewritten)})"] if rewritten else []
    return ", ".join(parts) or "none had to change"


def _conversations(receipt: Receipt) -> str:
    if not receipt.conversations:
        return "none quote it"
    number = len(receipt.conversations)
    if receipt.conversations_removed:
        return f"{receipt.conversations_removed} of {number} that quote it are gone, too"
    return f"{number} still quote{'s' if number == 1 else ''} it; remove them, too: --with-conversations"
