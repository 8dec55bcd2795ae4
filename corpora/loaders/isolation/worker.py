"""Inside a worker process: one task to the bytes of its answer, whatever the file does.

Forked by the fork server, or run as ``python -m corpora.loaders.isolation.worker TASK`` with the file on stdin and the
answer on stdout. Reads nothing but what it is given.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

from corpora.documents import Document
from corpora.errors import EmptyFile, LoaderCrashed, LoaderError, TooLarge
from corpora.loaders.formats.archives import members
from corpora.loaders.isolation import sandbox, wire_format
from corpora.loaders.isolation.wire_format import Task
from corpora.loaders.registry import import_loader


def main(arguments: list[str]) -> None:
    """Read stdin, write the answer."""
    task = Task.from_json(arguments[0])
    nowhere = os.open(os.devnull, os.O_WRONLY)
    sandbox.leave_network()
    sandbox.confine(code=sandbox.code_folders())
    sandbox.isolate()
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as channel:
        os.dup2(nowhere, sys.stdout.fileno())  # what a library may print is no answer
        for part in run_task(task, sys.stdin.buffer.read):
            channel.write(part)


def run_task(task: Task, read: Callable[[], bytes]) -> Iterator[bytes]:
    """Sandbox this process for good, run the task on what ``read`` gives; yields its answer. Raises nothing."""
    sandbox.limit_self(task.limits.memory_bytes, task.limits.cpu_s)
    try:
        if task.kind == "members":
            sandbox.refuse_by_hook()
            yield from _members(task, read())
        else:
            loader = import_loader(task.loader)
            sandbox.refuse_by_hook()
            yield _document(task, loader(read(), task.name))
    except LoaderError as error:
        yield wire_format.encode_error(error)
    except MemoryError:
        cause = f"{task.name} needs more than {task.limits.memory_bytes // 2**20} MiB to be read"
        yield wire_format.encode_error(LoaderCrashed(cause, hint="split the file"))
    except Exception as error:  # noqa: BLE001  a parser may raise anything; the file gets a named outcome
        cause = f"{task.name} cannot be read ({type(error).__name__}: {str(error)[:500]})"
        yield wire_format.encode_error(LoaderCrashed(cause, hint="open the file and save it anew, then add that"))


def _document(task: Task, document: Document) -> bytes:
    text = _storable(document.text)
    if not text.strip():
        raise EmptyFile(f"{task.name} has no text in it", hint="add a file with text in it")
    answer = wire_format.encode_document(replace(document, text=text))
    if len(answer) > task.answer_bytes:
        raise TooLarge(
            f"the text of {task.name} is larger than {task.limits.output_bytes // 2**20} MiB",
            hint="split the file and add the parts",
        )
    return answer


def _members(task: Task, data: bytes) -> Iterator[bytes]:
    for name, content in members(data, task.name, task.limits):
        yield wire_format.encode_member(name, content)
    yield wire_format.encode_end()


def _storable(text: str) -> str:
    """The text without halves of surrogate pairs, which UTF-8 cannot encode."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


if __name__ == "__main__":
    main(sys.argv[1:])
