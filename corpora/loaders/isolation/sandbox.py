"""The sandbox: a process that reads hostile files gives up, for good, every right that it does not need.

Linux lets it do so without privileges: resource limits, no new privileges, Landlock (read code, write nothing, no TCP,
signal no process outside), an empty network namespace. What a kernel lacks is left out; the limits and an audit hook of
Python remain.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterable

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_ASK_VERSION, _PATH_BENEATH = 1, 1
# Landlock's rights: 0 run a file, 2 and 3 read a file and a folder, 1 and 4 to 15 all that changes anything.
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_RIGHTS_OF_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}  # how many of them that version knows, 16 from 5 on
_SYSTEM_FILES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/dev/null")
_OPEN_FILES = 64
_REFUSED_EVENTS = (
    "socket.", "subprocess.", "shutil.",
    "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.kill", "signal.pthread_kill", "os.putenv",
)  # fmt: skip


def limit_self(memory_bytes: int, cpu_s: int) -> None:
    """Set resource limits, where the kernel has them; wall-clock time is limited by the process that waits."""
    if sys.platform == "win32":
        return
    import resource

    limits = [
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 1),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES),
    ]
    if sys.platform == "linux":  # elsewhere an address space limit is refused or ignored
        limits += [(resource.RLIMIT_AS, memory_bytes, memory_bytes), (resource.RLIMIT_NPROC, 0, 0)]
    for kind, soft, hard in limits:
        _, ceiling = resource.getrlimit(kind)
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))


def refuse_by_hook() -> None:
    """Let Python refuse network, processes and writing to files from now on, on every system."""
    sys.addaudithook(_refuse)


def die_with_parent() -> None:
    """Be killed when the parent ends. Only for children of a single-threaded parent: its thread is what counts."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def leave_network() -> bool:
    """Move into an empty network namespace; False where the kernel refuses."""
    return sys.platform == "linux" and bool(_libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def confine(*, code: Iterable[str]) -> bool:
    """Allow reading of code only (these folders and the system's), no writing, no TCP. False without Landlock."""
    version = landlock_version()
    if version < 1:
        return False
    rights = (1 << _RIGHTS_OF_VERSION.get(version, 16)) - 1
    ruleset = _ruleset(version, rights, connections=0b11, scopes=0)
    try:
        for path in {*code, *_SYSTEM_FILES}:
            _allow_reading(ruleset, path)
        return _restrict_self(ruleset)
    finally:
        os.close(ruleset)


def isolate() -> bool:
    """Forbid signalling and tracing other processes, the parent included. False where the kernel cannot."""
    version = landlock_version()
    if version < 6:
        return False
    ruleset = _ruleset(version, 0, connections=0, scopes=0b11)
    try:
        return _restrict_self(ruleset)
    finally:
        os.close(ruleset)


def code_folders() -> set[str]:
    """The folders of this Python's code."""
    return {os.path.realpath(path) for path in (*sys.path, sys.prefix, sys.base_prefix) if path and os.path.isdir(path)}


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: a loader reads code and its file, nothing else."""
    if event.startswith(_REFUSED_EVENTS):
        raise PermissionError(f"a loader may not use {event}")
    if event == "open" and isinstance(mode := arguments[1], str) and set(mode) & set("wax+"):
        raise PermissionError("a loader may not write files")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def landlock_version() -> int:
    """The version of Landlock; 0 or less if the kernel has none."""
    if sys.platform != "linux":
        return 0
    version: int = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_ASK_VERSION))
    return version


def _ruleset(version: int, files: int, *, connections: int, scopes: int) -> int:
    """The file descriptor of a ruleset. Kernels refuse fields that they do not know, so these are left out."""
    fields = (files, connections, scopes)[: 1 if version < 4 else 2 if version < 6 else 3]
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    descriptor: int = _libc().syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "no ruleset")
    return descriptor


def _allow_reading(ruleset: int, path: str) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what does not exist need not be allowed
    try:
        rights = _READ_FILE | _READ_FOLDER if os.path.isdir(path) else _READ_FILE
        rule = struct.pack("=Qi", rights, descriptor)
        _libc().syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint(0))
    finally:
        os.close(descriptor)


def _restrict_self(ruleset: int) -> bool:
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0)) == 0)
