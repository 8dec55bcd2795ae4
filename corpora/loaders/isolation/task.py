"""What a child is asked to do, and what it cost. Crosses between processes as JSON; bytes of files do not go here."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from corpora.loaders.limits import Limits

Kind: TypeAlias = Literal["document", "members"]
_ENDED = struct.Struct("<i?ddQ")


@dataclass(frozen=True, slots=True)
class Task:
    """One file for the function called ``loader`` (``module:function``); ``kind`` says what it makes."""

    kind: Kind
    loader: str
    name: str
    limits: Limits

    def to_json(self) -> str:
        """Read again by ``from_json``."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Task:
        """What ``to_json`` wrote."""
        fields = json.loads(text)
        return cls(fields["kind"], fields["loader"], fields["name"], Limits(**fields["limits"]))

    @property
    def answer_bytes(self) -> int:
        """The longest answer that is read."""
        limits = self.limits
        return limits.output_bytes if self.kind == "document" else limits.archive_bytes + 4096 * limits.archive_members


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: its status as ``Popen`` gives it, whether its time had run out, and what it cost."""

    status: int
    is_late: bool
    wall_s: float
    cpu_s: float
    peak_bytes: int

    def to_bytes(self) -> bytes:
        """Read again by ``from_bytes``."""
        return _ENDED.pack(self.status, self.is_late, self.wall_s, self.cpu_s, self.peak_bytes)

    @classmethod
    def from_bytes(cls, packed: bytes) -> Ended:
        """What ``to_bytes`` wrote."""
        return cls(*_ENDED.unpack(packed))


ENDED_BYTES = _ENDED.size
