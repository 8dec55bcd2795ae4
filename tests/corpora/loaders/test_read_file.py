"""What a path leads to is read only if it is a file, and within a folder only if no link leads there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from corpora import errors
from corpora.loaders.sandboxed_loader import load_file, read_file

SECRET = "the words in a file of somebody else"


def refused(path: Path, folder: Path) -> bool:
    with pytest.raises(errors.UnreadableFile) as caught:
        load_file(path, within=folder)
    return path.name in caught.value.cause and bool(caught.value.hint)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that was given, beside a file that was not."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.txt").write_text(SECRET)
    (tmp_path / "given" / "deep").mkdir(parents=True)
    (tmp_path / "given" / "deep" / "a.txt").write_text("Good words.")
    return tmp_path / "given"


def test_files_below_a_folder_are_read(folder: Path) -> None:
    assert load_file(folder / "deep" / "a.txt", within=folder).text == "Good words."
    assert load_file(folder / "deep" / "a.txt", within=folder / "deep").text == "Good words."


def test_no_link_below_a_folder_is_followed(folder: Path) -> None:
    outside = folder.parent / "outside"
    (folder / "link.txt").symlink_to(outside / "a.txt")
    (folder / "inner.txt").symlink_to(folder / "deep" / "a.txt")
    (folder / "folder").symlink_to(outside)
    for path in (folder / "link.txt", folder / "inner.txt", folder / "folder" / "a.txt"):
        assert refused(path, folder)
    assert load_file(folder / "link.txt").text == SECRET  # a path that was named itself is meant
    (folder.parent / "way in").symlink_to(folder)
    way_in = folder.parent / "way in"
    assert load_file(way_in / "deep" / "a.txt", within=way_in).text == "Good words."  # so is the folder


@pytest.mark.parametrize("path", ["../outside/a.txt", "deep/../../outside/a.txt"])
def test_no_way_leads_up(folder: Path, path: str) -> None:
    assert refused(folder / path, folder)


def test_a_path_that_is_not_below_the_folder_is_refused(folder: Path) -> None:
    assert refused(folder.parent / "outside" / "a.txt", folder)


def test_pipes_and_devices_are_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    (folder / "zero.txt").symlink_to("/dev/zero")
    started_s = time.monotonic()
    for within in (None, folder):
        with pytest.raises(errors.UnreadableFile):
            load_file(folder / "pipe.txt", within=within)
        with pytest.raises(errors.UnreadableFile):
            load_file(folder / "zero.txt", within=within)
    assert time.monotonic() - started_s < 5


def test_a_name_that_is_none(folder: Path) -> None:
    with pytest.raises(errors.UnreadableFile):
        load_file(folder / "a\0.txt")


SWAP = """
import os, sys
swapped, good, link, target = sys.argv[1:]
print("ready", flush=True)
while True:
    os.symlink(target, link)
    os.rename(swapped, good)
    os.rename(link, swapped)
    os.unlink(swapped)
    os.rename(good, swapped)
"""


@pytest.mark.parametrize("what", ["file", "folder"])
def test_who_swaps_files_for_links_gains_nothing(folder: Path, what: str) -> None:
    """While a process swaps the file, or a folder above it, for a link, we read: the good words or an error."""
    parent, path = folder.parent, folder / "deep" / "a.txt"
    swapped, target = (path.parent, parent / "outside") if what == "folder" else (path, parent / "outside" / "a.txt")
    command = [sys.executable, "-c", SWAP, *map(str, (swapped, parent / "good", parent / "link", target))]
    seen = Counter[str]()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as swapping:
        assert swapping.stdout is not None and swapping.stdout.readline()
        try:
            deadline_s = time.monotonic() + 20
            while time.monotonic() < deadline_s and (seen.total() < 300 or len(seen) < 2):
                try:
                    text = read_file(path, 100, within=folder).decode()
                except errors.LoaderError as error:
                    text = type(error).__name__
                seen[text] += 1
        finally:
            swapping.kill()
    assert set(seen) <= {"Good words.", "UnreadableFile", "MissingFile"}
    assert len(seen) > 1
