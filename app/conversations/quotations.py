"""Finds the conversations that quote a document: by the passages that they cite, and by text that they share with it.

A conversation belongs to the corpora that it was asked of: what was asked of one corpus quotes no document of another,
if the two hold equal files, too. Works on the stored turns of all browsers, as the owner of this machine may. Must not
know HTML or Gradio.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.conversations.store import FILE_NAME, existing_database

# A turn is indexed by windows at every half window, a text is scanned at every character: two texts that share one and
# a half windows in a row share a whole window.
_WINDOW: Final = 40
_STEP: Final = _WINDOW // 2
SHARED_CHARACTERS: Final = _WINDOW + _STEP


@dataclass(frozen=True, slots=True)
class QuotingConversation:
    """A conversation that quotes: its id, its first question, in how many of its turns, and what it was asked of."""

    id: str
    title: str
    turns: int
    corpora: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeletedDocuments:
    """What is looked for: documents of a corpus by id and name, and their texts. No ids: the whole corpus."""

    corpus: str
    ids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    texts: Iterable[str] = ()


@dataclass(frozen=True, slots=True)
class _StoredTurn:
    conversation: str
    title: str
    content: Any  # JSON as ``app.conversations.turns.to_json`` writes it

    @property
    def corpus(self) -> str:
        """The corpus that was asked; empty for none."""
        return self.content.get("corpus") or ""


def conversations_quoting(home: Path, documents: DeletedDocuments) -> list[QuotingConversation]:
    """The conversations that cite one of these documents, or share 60 characters in a row with one of their texts.

    Only turns that were asked of the documents' corpus count.
    """
    stored = list(_stored_turns(home / FILE_NAME))
    turns = [turn for turn in stored if turn.corpus == documents.corpus]
    quoting = {index for index, turn in enumerate(turns) if _cites(turn.content, documents)}
    quoting |= _sharing({index: _windows(turn.content) for index, turn in enumerate(turns)}, documents.texts)
    by_conversation: dict[str, list[_StoredTurn]] = {}
    for index in sorted(quoting):
        by_conversation.setdefault(turns[index].conversation, []).append(turns[index])
    corpora: dict[str, dict[str, None]] = {}
    for turn in stored:
        corpora.setdefault(turn.conversation, {})[turn.corpus] = None
    return [
        QuotingConversation(key, of_it[0].title, len(of_it), tuple(filter(None, corpora[key])))
        for key, of_it in by_conversation.items()
    ]


def _stored_turns(path: Path) -> Iterator[_StoredTurn]:
    query = (
        "SELECT conversations.id, conversations.title, turns.turn FROM turns "
        "JOIN conversations ON conversations.id = turns.conversation ORDER BY conversations.started_s, turns.id"
    )
    with existing_database(path) as db:
        if db is not None:
            for conversation, title, turn in db.execute(query):
                yield _StoredTurn(conversation, title, json.loads(turn))


def _cites(turn: Any, documents: DeletedDocuments) -> bool:
    answer = turn.get("answer")
    if not answer:
        return False
    if not documents.ids and not documents.names:
        return bool(answer.get("passages") or answer.get("citations"))
    return any(
        source.get("passage_id", "").rpartition(":")[0] in documents.ids or source.get("document") in documents.names
        for source in (*answer.get("passages", ()), *answer.get("citations", ()))
    )


def _windows(turn: Any) -> set[str]:
    """Windows of all texts in a turn, each half a window after the one before."""
    return {
        text[start : start + _WINDOW] for text in _texts(turn) for start in range(0, len(text) - _WINDOW + 1, _STEP)
    }


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _sharing(windows_by_turn: Mapping[int, set[str]], texts: Iterable[str]) -> set[int]:
    """Which turns have a window that occurs in one of the texts: each text is scanned once."""
    turns_by_window: dict[str, set[int]] = {}
    for turn, windows in windows_by_turn.items():
        for window in windows:
            turns_by_window.setdefault(window, set()).add(turn)
    sharing: set[int] = set()
    for text in texts if turns_by_window else ():
        for start in range(len(text) - _WINDOW + 1):
            if (window := text[start : start + _WINDOW]) in turns_by_window:
                sharing |= turns_by_window[window]
    return sharing
