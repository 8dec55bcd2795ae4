"""The child process: limits itself, runs one loader on stdin, answers with one JSON object on stdout.

Run as ``python -m corpora.loaders.child LOADER NAME LIMITS``. It has no need of network, files to write or
further processes, so an audit hook refuses them before the first byte of the file is looked at.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from corpora.errors import EmptyFile, LoaderCrashed, LoaderError, TooLarge
from corpora.loaders.table import import_loader


def main(arguments: list[str]) -> None:
    """Read stdin, write the answer. Never raises for a bad file: that is an answer too."""
    loader_name, name, limits_json = arguments
    limits = json.loads(limits_json)
    _limit_self(limits["memory_bytes"], limits["cpu_s"])
    try:
        loader = import_loader(loader_name)
        sys.addaudithook(_refuse)
        document = loader(sys.stdin.buffer.read(), name)
        text = _storable(document.text)
        if not text.strip():
            raise EmptyFile(f"{name} has no text in it", hint="add a file with text in it")
        answer: dict[str, Any] = {"text": text, "metadata": dict(document.metadata)}
        output = json.dumps(answer).encode("ascii")
        if len(output) > limits["output_bytes"]:
            raise TooLarge(
                f"the text of {name} is larger than {limits['output_bytes'] // 2**20} MiB",
                hint="split the file and add the parts",
            )
    except LoaderError as error:
        output = _failure(error)
    except MemoryError:
        output = _failure(
            LoaderCrashed(
                f"{name} needs more than {limits['memory_bytes'] // 2**20} MiB to be read", hint="split the file"
            )
        )
    except Exception as error:  # noqa: BLE001  a parser may raise anything; the file gets a named outcome
        output = _failure(
            LoaderCrashed(
                f"{name} cannot be read ({type(error).__name__}: {error})",
                hint="open the file and save it anew, then add that",
            )
        )
    sys.stdout.buffer.write(output)
    sys.stdout.buffer.flush()


def _limit_self(memory_bytes: int, cpu_s: int) -> None:
    """Limits that the kernel holds, where it has them; the parent holds the clock everywhere."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere an address space limit is refused or ignored
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: a loader reads code and its stdin, and that is all."""
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "shutil.")):
        raise PermissionError(f"a loader may not use {event}")
    if event == "open" and isinstance(mode := arguments[1], str) and set(mode) & set("wax+"):
        raise PermissionError("a loader may not write files")


def _storable(text: str) -> str:
    """Halves of surrogate pairs cannot be written as UTF-8, and no reader can show them."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def _failure(error: LoaderError) -> bytes:
    answer = {"error": {"type": type(error).__name__, "cause": error.cause, "hint": error.hint}}
    return json.dumps(answer).encode("ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
