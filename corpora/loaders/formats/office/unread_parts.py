"""What of a file is not in its text: counted while it is read, said once at the end.

"2 embedded objects were not read", "struck-out text was left out". Says only what is known of the file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from corpora.counts import count
from corpora.text.reading_text import ReadingText


@dataclass(slots=True)
class UnreadParts:
    """Counts parts by their name in the singular, and remembers kinds of text that were left out on purpose."""

    _counts: Counter[str] = field(default_factory=Counter)
    _left_out: list[str] = field(default_factory=list)

    def add(self, part: str, number: int = 1) -> None:
        """Count a part, such as ``embedded object``, that could not be read."""
        self._counts[part] += number

    def left_out(self, kind: str) -> None:
        """Remember a kind of text, such as ``hidden text``, that a reader does not take for valid."""
        if kind not in self._left_out:
            self._left_out.append(kind)

    def tell(self, reading: ReadingText) -> None:
        """Note all of it in the document."""
        for part, number in self._counts.items():
            if number:
                reading.note(f"{count(number, part)} {'was' if number == 1 else 'were'} not read")
        for kind in self._left_out:
            reading.note(f"{kind} was left out")
