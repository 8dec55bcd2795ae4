"""The sentences of passages and their vectors: split and encoded once, cached in memory and stored with the passages.

``is_prose`` tells statements from headings, code lines and fragments, which make poor evidence: rules of thumb about
characters and words, without a tagger. Knows passages and an encoder, not questions. S sentences, D dimensions.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from corpora.documents import Passage
from corpora.text.chunking import sentences as sentence_spans
from corpora.text.code_detection import is_code_sentence
from corpora.text.sentences import RULE, sentence_end
from retrieval.interfaces import Encoder

SentenceSplitter: TypeAlias = Callable[[str], Sequence[tuple[int, int]]]
StoredRows: TypeAlias = Callable[[Sequence[Passage]], Mapping[str, bytes]]

SENTENCES: Final = "sentences:"
"""What the kinds of all sentence vectors begin with; those of an older rule of sentences are not read."""

_LITTLE_ENDIAN = np.dtype("<f4")

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Evidence may also end with a semicolon or an ellipsis, and with markup of Markdown behind its stop.
_SENTENCE_END = sentence_end(also=";।…", closers="\"'”’)]»*`")
_MIN_WORDS = 4
_MIN_WORDS_UNENDED = 8  # without an end mark, anything shorter counts as a heading
_MIN_UNSPACED_LETTERS = 6
_MIN_LETTER_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class PassageSentences:
    """Sentences of a passage: their spans in its text, a vector each, and whether they are statements."""

    spans: tuple[tuple[int, int], ...]
    vectors_SD: NDArray[np.float32]
    is_prose: bool

    def similarities(self, query_D: NDArray[np.float32]) -> list[float]:
        """The cosine of each sentence to a unit vector."""
        return [float(vector_D @ query_D) for vector_D in self.vectors_SD]


class SentenceCache:
    """A least-recently-used cache of the sentences of ``capacity`` passages, shared by threads.

    No entry goes stale, because the id of a passage names its text. ``stored`` finds rows that ``SentenceRows``
    computed earlier, by passage id; what it does not find is encoded now.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        sentences: SentenceSplitter = sentence_spans,
        capacity: int = 4096,
        stored: StoredRows | None = None,
    ) -> None:
        self._encoder = encoder
        self._stored = stored
        self._sentences = sentences
        self._capacity = capacity
        self._lock = threading.Lock()
        self._cached: OrderedDict[str, PassageSentences] = OrderedDict()

    def __len__(self) -> int:
        return len(self._cached)

    def lookup(self, passages: Sequence[Passage]) -> list[PassageSentences]:
        """The sentences of each passage; those of all unknown passages are encoded together."""
        with self._lock:
            known = {passage.id: self._cached[passage.id] for passage in passages if passage.id in self._cached}
        known |= self._encode({passage.id: passage for passage in passages if passage.id not in known})
        with self._lock:
            for passage in passages:
                self._cached[passage.id] = known[passage.id]
                self._cached.move_to_end(passage.id)
            while len(self._cached) > self._capacity:
                self._cached.popitem(last=False)
        return [known[passage.id] for passage in passages]

    def _encode(self, passages: dict[str, Passage]) -> dict[str, PassageSentences]:
        rows = self._stored(list(passages.values())) if self._stored is not None and passages else {}
        split = {key: _worth_encoding(passage.text, self._sentences(passage.text)) for key, passage in passages.items()}
        sentences: dict[str, PassageSentences] = {}
        for key, (spans, are_prose) in split.items():
            vectors_SD = _read(rows.get(key, b""), len(spans))
            if vectors_SD is not None:
                sentences[key] = PassageSentences(spans, vectors_SD, are_prose)
        missing = [key for key in split if key not in sentences]
        texts = {key: [passages[key].text[start:end] for start, end in split[key][0]] for key in missing}
        # Neighbouring passages share sentences, and documents repeat some: each text is encoded once.
        places = {text: place for place, text in enumerate(dict.fromkeys(chain.from_iterable(texts.values())))}
        vectors_SD = self._encoder.encode_passages(list(places)) if places else np.zeros((0, 0), dtype=np.float32)
        for key in missing:
            spans, are_prose = split[key]
            sentences[key] = PassageSentences(spans, vectors_SD[[places[text] for text in texts[key]]], are_prose)
        return sentences


class SentenceRows:
    """A ``corpora.interfaces.Derived``: the vectors of a passage's sentences, so that no question waits for them."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def kind(self) -> str:
        """``sentences:``, the number of the rule by which they are cut, and the encoder's name."""
        return sentences_kind(self._encoder.name)

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        """(S, D) little-endian float32 for each passage, in order."""
        sentences = SentenceCache(self._encoder, capacity=len(passages)).lookup(passages)
        return [of_passage.vectors_SD.astype(_LITTLE_ENDIAN).tobytes() for of_passage in sentences]


def sentences_kind(encoder_name: str) -> str:
    """The kind under which the library keeps the sentence vectors of an encoder, cut by today's rule."""
    return f"{SENTENCES}{RULE}:{encoder_name}"


def _read(row: bytes, count: int) -> NDArray[np.float32] | None:
    """(S, D): what ``SentenceRows`` wrote for ``count`` sentences; None if it was for another number of them."""
    numbers = np.frombuffer(row, dtype=_LITTLE_ENDIAN).astype(np.float32)
    if not numbers.size or not count or numbers.size % count:
        return None
    return numbers.reshape(count, -1)


def _worth_encoding(text: str, spans: Sequence[tuple[int, int]]) -> tuple[tuple[tuple[int, int], ...], bool]:
    """The spans that are prose, and True; or all of them, and False. Outer white space is trimmed."""
    prose = tuple(_trimmed(text, span) for span in spans if is_prose(text[slice(*span)]))
    if prose:
        return prose, True
    return tuple(_trimmed(text, span) for span in spans if text[slice(*span)].strip()), False


def _trimmed(text: str, span: tuple[int, int]) -> tuple[int, int]:
    inside = text[slice(*span)]
    return span[1] - len(inside.lstrip()), span[0] + len(inside.rstrip())


def is_prose(sentence: str) -> bool:
    """Whether ``sentence`` is a statement rather than a heading, a code line or a fragment.

    Reading text marks code by its indent; other white space around the sentence does not count. What ends in a
    colon is no statement without what follows it.
    """
    if is_code_sentence(sentence):
        return False
    sentence = sentence.strip()
    if sentence.endswith((":", "\uff1a")):
        return False
    visible = [character for character in sentence if not character.isspace()]
    letters = sum(character.isalnum() for character in visible)
    if not visible or letters < _MIN_LETTER_SHARE * len(visible):
        return False
    if len(_UNSPACED.findall(sentence)) > letters / 2:
        return letters >= _MIN_UNSPACED_LETTERS
    words = len(_WORD.findall(sentence))
    return words >= (_MIN_WORDS if _SENTENCE_END.search(sentence) else _MIN_WORDS_UNENDED)
