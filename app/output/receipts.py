"""The receipt of a deletion as lines for people and as JSON for programs, key by key.

Written out rather than derived from the dataclasses: renaming a field must not rename a key.
"""

from __future__ import annotations

from app.conversations.quotations import QuotingConversation
from app.library.deletion import CorpusReceipt, Receipt
from app.output.formatting import count, listed


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
        "conversations": len(receipt.conversations),
        "conversations_removed": receipt.conversations_removed,
        "quoting": [conversation_document(conversation) for conversation in receipt.conversations],
    }


def conversation_document(conversation: QuotingConversation) -> dict[str, object]:
    """A conversation that quotes a document."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "turns": conversation.turns,
        "corpora": list(conversation.corpora),
    }


def conversation_line(conversation: QuotingConversation) -> str:
    """A conversation for people: ``"What is a lambda?", asked of notes and sample``."""
    return f'"{conversation.title}", asked of {listed(conversation.corpora)}'


def _files(receipt: Receipt) -> str:
    deleted, rewritten = len(receipt.files_deleted), len(receipt.files_rewritten)
    parts = [f"{deleted} deleted"] if deleted else []
    parts += [f"{rewritten} rewritten ({', '.join(receipt.files_rewritten)})"] if rewritten else []
    return ", ".join(parts) or "none had to change"


def _conversations(receipt: Receipt) -> str:
    quoting, removed = len(receipt.conversations), receipt.conversations_removed
    if not quoting:
        return "none quotes it"
    verb = "quotes" if quoting == 1 else "quote"
    if not removed:
        return (
            f"{quoting:,} still {verb} it; {'it goes' if quoting == 1 else 'they go'}, too, with --with-conversations"
        )
    if removed == quoting:
        return f"{removed:,} that quoted it {'is' if removed == 1 else 'are'} gone, too"
    return f"{removed:,} of {quoting:,} that quoted it {'is' if removed == 1 else 'are'} gone, too"
