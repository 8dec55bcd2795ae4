"""Charts and diagrams, whose contents stand in parts of their own, where a document or slide shows them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from corpora.loaders.formats.office.charts import write_chart
from corpora.loaders.formats.office.smart_art import write_diagram
from corpora.loaders.formats.office.unread_parts import UnreadParts
from corpora.loaders.formats.opc_package import OpcPackage
from corpora.text.reading_text import ReadingText

Graphic: TypeAlias = Literal["chart", "diagram"]


def write_graphic(reading: ReadingText, kind: Graphic, package: OpcPackage, *, part: str, unread: UnreadParts) -> None:
    """Add what a part holds; one that is missing is counted as not read. Raises ``DamagedFile``."""
    if not package.has(part):
        unread.add(kind)
    elif kind == "chart":
        write_chart(reading, package.xml(part))
    else:
        write_diagram(reading, package.xml(part))
