"""Loaders that do what a hostile file might make a real one do. Imported by worker processes only."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import stat
import struct
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
    for stream in (sys.stdout, sys.stderr):
        stream.write("words that are no answer")
        stream.flush()
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


def answers_with_its_file(data: bytes, name: str) -> Document:
    """A worker that was taken over: it writes what it likes and ends as if all were well."""
    whole = memoryview(data)
    while whole:
        whole = whole[os.write(3, whole) :]
    os._exit(0)


def kills_its_parent(data: bytes, name: str) -> Document:
    os.kill(os.getppid(), signal.SIGKILL)
    return Document.of(name, "done")


def kills_past_python(data: bytes, name: str) -> Document:
    libc = ctypes.CDLL(None, use_errno=True)
    for target in (os.getppid(), int(data)):
        if libc.kill(target, signal.SIGKILL) == 0 or ctypes.get_errno() != errno.EPERM:
            return Document.of(name, f"sent to {target}")
    return Document.of(name, "refused")


def tells_open_files(data: bytes, name: str) -> Document:
    open_files = []
    for descriptor in range(1024):
        try:
            kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        except OSError:
            continue
        open_files.append(f"{descriptor}:{kind:o}")
    return Document.of(name, " ".join(open_files))


def tells_ids(data: bytes, name: str) -> Document:
    return Document.of(name, f"{os.getpid()} {os.getppid()} {os.getpgid(0)}")


def reads_a_file(data: bytes, name: str) -> Document:
    return Document.of(name, Path(data.decode()).read_text())


def sends_past_python(data: bytes, name: str) -> Document:
    """Native code that was taken over meets no audit hook: a datagram to this machine."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.socket(2, 2, 0)
    address = struct.pack("=H", 2) + struct.pack(">H", int(data)) + bytes([127, 0, 0, 1]) + bytes(8)
    sent = libc.sendto(descriptor, b"secret", 6, 0, address, len(address))
    return Document.of(name, f"sent {sent} with {errno.errorcode.get(ctypes.get_errno(), 'no error')}")


def forks_past_python(data: bytes, name: str) -> Document:
    """Starts a process without Python's knowledge; it outlives the loader if it can."""
    if ctypes.CDLL(None).fork() == 0:
        time.sleep(300)
        os._exit(0)
    return Document.of(name, "forked")


def waits_a_little(data: bytes, name: str) -> Document:
    time.sleep(0.5)
    return Document.of(name, "in the end")


def eats_a_little(data: bytes, name: str) -> Document:
    ended_s = time.process_time() + 0.25
    eaten = b"x" * (100 * 2**20)
    while time.process_time() < ended_s:
        pass
    return Document.of(name, f"{len(eaten)} bytes")
