"""Other programs on the same model: llama.cpp and dejavuu, each in a child process that `peer_program` runs.

Neither is a dependency: each may stand in another environment, whose interpreter is named. A peer gets the prompt in
token ids, the limit and the end tokens, and writes freely, the likeliest token each time: it knows none of our
processors. Knows nothing of timing tables.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.bench.speed import peer_program
from app.bench.speed.ran import Ran
from app.model_store.choice import is_file
from app.model_store.smollm2 import installed_file
from decoding.interfaces import Request

PATIENCE_S = 900.0
"""A peer that takes longer to load, or to write one output, is taken for hanging."""
# The best of 2, 5 and 10 on two cores: longer drafts cost it more than they save.
LLAMA_LOOKUP_TOKENS = 2
PEERS = ("llama-cpp", "llama-cpp-prompt-lookup", "dejavuu")
INSTALL: Mapping[str, str] = MappingProxyType(
    {
        "llama_cpp": "pip install llama-cpp-python, here or in an environment of its own (--llama-python PATH)",
        "dejavuu": "pip install 'dejavuu[hf]', in an environment of Python 3.13 or later (--dejavuu-python PATH)",
    }
)


class PeerFailed(Exception):
    """A peer that could not start or that ended; its text says why."""


@dataclass(frozen=True, slots=True)
class PeerModel:
    """What peers load: the target's folder, the GGUF file that it was made from, and what they need to know of it.

    ``room``: tokens of the longest request, prompt and output. ``layers`` and ``width`` tell another model's file.
    """

    folder: Path | None
    gguf: Path | None
    vocabulary: int
    room: int
    threads: int
    layers: int | None = None
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Interpreters:
    """The Python of each peer's environment."""

    llama: str = sys.executable
    dejavuu: str = sys.executable


class Peer:
    """A running peer; calling it writes one request. Raises PeerFailed, from the start on, also if an answer takes
    longer than ``patience_s``.
    """

    def __init__(self, python: str, setup: Mapping[str, object], *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        # A file cannot fill up as a pipe that nobody reads does.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                [python, peer_program.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                encoding="utf-8",
            )
        except OSError as error:
            self._complaints.close()
            raise PeerFailed(f"{python} cannot be run: {error.strerror}") from error
        try:
            self.about = self._ask(setup)
        except PeerFailed:
            self.close()
            raise

    def __call__(self, request: Request) -> Ran:
        """Write at most ``max_new_tokens`` tokens; what comes after an end token or a stop condition is not counted."""
        asked = {"prompt": request.prompt, "limit": request.max_new_tokens, "ends": sorted(request.eos_ids)}
        answer = self._ask(asked)
        tokens: list[int] = answer["tokens"]
        if not tokens:
            raise PeerFailed("it wrote no token, not even an end")
        stopped = request.stop() if request.stop is not None else lambda _token: False
        ends = (number for number, token in enumerate(tokens, start=1) if stopped(token) or token in request.eos_ids)
        count = next(ends, len(tokens))
        return Ran(tuple(tokens[:count]), answer["seconds"][count - 1], answer["seconds"][0], reads_first=True)

    def close(self) -> None:
        """End the process, which ends by itself once nothing more is asked."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                pipe.close()
            except OSError:  # What was still to be sent to a process that has ended.
                continue
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.close()

    def _ask(self, line: Mapping[str, object]) -> dict[str, Any]:
        # A process that is ended closes its pipes, on which nothing else here waits.
        too_late = threading.Timer(self._patience_s, self._process.kill)
        too_late.daemon = True
        too_late.start()
        try:
            answer = self._answer(line)
        finally:
            too_late.cancel()
        told: dict[str, Any] = json.loads(answer)
        if "missing" in told:
            raise PeerFailed(f"{told['missing']} is not installed; {INSTALL.get(told['missing'], 'install it')}")
        if "error" in told:
            raise PeerFailed(str(told["error"]))
        return told

    def _answer(self, line: Mapping[str, object]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked_at = time.monotonic()
        try:
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            failed = None
        except OSError as error:
            answer, failed = "", error
        if answer:
            return answer
        if time.monotonic() - asked_at >= self._patience_s:
            raise PeerFailed(f"it gave no answer in {self._patience_s:g} s") from failed
        raise PeerFailed(self._last_words()) from failed

    def _last_words(self) -> str:
        code = self._process.wait()  # Should it go on without its pipes, it is ended in time, too.
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        return f"it ended with code {code}" + (f": {lines[-1][:200]}" if lines else "")


def start_peer(name: str, model: PeerModel, pythons: Interpreters, *, dtype: str) -> Peer:
    """Start a peer of ``PEERS`` on the target's model. Raises PeerFailed."""
    if name == "dejavuu":
        if model.folder is None:
            raise PeerFailed("random weights stand in no folder that it could load")
        setup: dict[str, object] = {"model": str(model.folder), "dtype": dtype}
        return Peer(pythons.dejavuu, {"program": "dejavuu", "threads": model.threads, **setup})
    if model.gguf is None:
        raise PeerFailed("the target has no GGUF file; name one of the same model: --gguf FILE")
    lookup = LLAMA_LOOKUP_TOKENS if name == "llama-cpp-prompt-lookup" else 0
    setup = {"model": str(model.gguf), "room": model.room, "lookup": lookup, "threads": model.threads, "flash": False}
    peer = Peer(pythons.llama, {"program": "llama-cpp", **setup})
    if not _is_same_model(peer.about, model):
        peer.close()
        raise PeerFailed(f"{model.gguf} holds another model than the target; name its own: --gguf FILE")
    return peer


def gguf_of(target: str) -> Path | None:
    """The GGUF file of a target by its setting: the file itself, or that of the wheel SmolLM2 comes in."""
    if is_file(target):
        return Path(target).expanduser()
    return installed_file()


def _is_same_model(about: Mapping[str, Any], model: PeerModel) -> bool:
    shape = {key.partition(".")[2]: value for key, value in about["shape"].items()}
    told = (about["vocabulary"], shape.get("block_count"), shape.get("embedding_length"))
    known = (model.vocabulary, model.layers, model.width)
    return all(theirs is None or ours is None or theirs == ours for theirs, ours in zip(told, known, strict=True))
