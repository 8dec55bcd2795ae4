"""What a job that waits for its first start would do, file by file, in the words of the page.

Asks ``Jobs.plan``; that compares files with what is stored and reads none for good. Must not build HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from app.output.formatting import kind_of
from corpora.jobs.discovery import left_out
from corpora.jobs.jobs import JobFile, Jobs, PlannedFile
from corpora.loaders import is_archive

Word: TypeAlias = Literal[
    "new", "changed", "to compare", "unchanged", "duplicate", "left out", "empty", "too large", "to remove"
]
WORDS: Final[tuple[Word, ...]] = (
    "new",
    "changed",
    "to compare",
    "to remove",
    "unchanged",
    "duplicate",
    "left out",
    "empty",
    "too large",
)
_WORK: Final = ("new", "changed", "to compare")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would be done with one file, and why if that does not speak for itself."""

    word: Word
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """Files, and their bytes together."""

    files: int = 0
    bytes: int = 0

    def with_one(self, size: int) -> Total:
        """One file more."""
        return Total(self.files + 1, self.bytes + size)


@dataclass(frozen=True, slots=True)
class DryRun:
    """Verdicts by the number of the file, totals by word and by type. ``estimate_s`` None: it is not known yet."""

    verdicts: Mapping[int, Verdict]
    words: Mapping[Word, Total]
    kinds: Mapping[str, Total]
    estimate_s: float | None

    @property
    def work(self) -> Total:
        """What has to be read."""
        totals = [self.words[word] for word in _WORK if word in self.words]
        return Total(sum(one.files for one in totals), sum(one.bytes for one in totals))


def dry_run(jobs: Jobs, files: Sequence[JobFile]) -> DryRun:
    """What would be done with the files of a job that nobody has started."""
    open_files = [one for one in files if one.state == "queued" and one.outcome is None and one.member is None]
    planned = jobs.plan([one.path for one in open_files], names=[one.name for one in open_files])
    by_path = {one.path: one for one in planned.files}
    verdicts: dict[int, Verdict] = {}
    words: dict[Word, Total] = {}
    kinds: dict[str, Total] = {}
    for file in files:
        if file.state == "cancelled":
            continue
        verdict = _verdict(file, by_path.get(file.path))
        verdicts[file.number] = verdict
        words[verdict.word] = words.get(verdict.word, Total()).with_one(file.bytes)
        kind = kind_of(file.name)
        kinds[kind] = kinds.get(kind, Total()).with_one(file.bytes)
    return DryRun(verdicts, words, kinds, planned.estimate_s)


def _verdict(file: JobFile, planned: PlannedFile | None) -> Verdict:
    if file.outcome == "removed":
        return Verdict("to remove", "its file is gone")
    if file.outcome == "unsupported":
        return Verdict("left out", file.cause)
    if file.outcome in ("unchanged", "duplicate"):
        return Verdict(file.outcome)
    why = left_out(file.name)
    if why is not None:  # chosen by itself: it is tried, and that is what will be said
        return Verdict("left out", why)
    if planned is not None and planned.verdict == "too large":
        return Verdict("too large", planned.cause)
    if file.bytes == 0:
        return Verdict("empty", "there is nothing in it")
    if is_archive(file.name):
        word: Word = "new" if planned is None or planned.verdict not in ("changed", "unchanged") else planned.verdict
        return Verdict(word, "what is in it is looked at file by file")
    if planned is None or planned.verdict == "new":
        return Verdict("new")
    if planned.verdict == "changed" and planned.document is None:
        return Verdict("to compare", "a document of this name is there; it is replaced if the text is another")
    if planned.verdict == "duplicate":
        return Verdict("duplicate", "the same content is there already" if planned.document else "it is chosen twice")
    return Verdict("unchanged" if planned.verdict == "unchanged" else "changed")
