"""Loaders that do what a hostile file might make a real one do. Imported by child processes only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from corpora.documents import Document


def sleeps(data: bytes, name: str) -> Document:
    time.sleep(60)
    return Document.of(name, "too late")


def spins(data: bytes, name: str) -> Document:
    while True:
        pass


def eats_memory(data: bytes, name: str) -> Document:
    return Document.of(name, "x" * (2 * 2**30))


def talks_too_much(data: bytes, name: str) -> Document:
    return Document.of(name, "words " * 1_000_000)


def floods_the_answer(data: bytes, name: str) -> Document:
    while True:
        os.write(3, b"x" * 65536)


def prints(data: bytes, name: str) -> Document:
    print("words that are no answer", flush=True)
    print("words that are no answer", file=sys.stderr, flush=True)
    return Document.of(name, "the answer")


def dies(data: bytes, name: str) -> Document:
    os.abort()


def raises(data: bytes, name: str) -> Document:
    raise ZeroDivisionError("a parser's\nown bug")


def answers_with_nothing(data: bytes, name: str) -> Document:
    os._exit(0)


def half_a_character(data: bytes, name: str) -> Document:
    return Document.of(name, "before \ud800 after")


def tells_environment(data: bytes, name: str) -> Document:
    return Document.of(name, " ".join(sorted(os.environ)))


def connects(data: bytes, name: str) -> Document:
    socket.create_connection(("127.0.0.1", 9), timeout=1)
    return Document.of(name, "connected")


def writes(data: bytes, name: str) -> Document:
    Path(data.decode()).write_text("written")
    return Document.of(name, "wrote")


def spawns(data: bytes, name: str) -> Document:
    subprocess.run(["true"], check=True)
    return Document.of(name, "spawned")
