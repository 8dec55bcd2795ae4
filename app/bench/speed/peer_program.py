"""A peer in a process of its own, often under another interpreter: llama.cpp or dejavuu, asked in lines of JSON.

The first line on stdin says what to load; the answer is what was loaded, or why it could not be. Each further line is a
prompt in token ids with a limit and end tokens; the answer holds the tokens written and when each was there, taken
here, so that the way between the processes is not counted. Ends with its stdin. Imports nothing of ours: it is run as
a file.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

BATCH = 512
DEJAVUU_METHOD, DEJAVUU_BUDGET = "asd_verify", 10
"""Its adaptive suffix decoding, which sizes drafts by the measured cost: what its guide names for a CPU."""

Answer = Mapping[str, object]
Write = Callable[[Sequence[int], int, Collection[int]], Answer]
"""Writes at most so many tokens after a prompt, up to one of the end tokens."""


def main() -> None:
    """Load what the first line asks for, then answer line by line."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # What a library prints is no answer.
    setup = json.loads(sys.stdin.readline())
    try:
        write, about = _PROGRAMS[setup["program"]](setup)
    except ImportError as error:
        _reply(replies, {"missing": error.name or str(error)})
        return
    except Exception as error:  # noqa: BLE001  # Whatever a library raises at a file that it does not like.
        _reply(replies, {"error": f"{type(error).__name__}: {error}"})
        return
    _reply(replies, about)
    for line in sys.stdin:
        asked = json.loads(line)
        _reply(replies, write(asked["prompt"], asked["limit"], asked["ends"]))


def _reply(replies: Any, answer: Answer) -> None:
    replies.write(json.dumps(answer) + "\n")
    replies.flush()


def _llama_cpp(setup: Mapping[str, Any]) -> tuple[Write, Answer]:
    """A GGUF file in llama.cpp; with ``lookup`` tokens a draft by its prompt lookup, which keeps all logits."""
    library = importlib.import_module("llama_cpp")
    drafts: dict[str, Any] = {}
    if setup["lookup"]:
        speculative = importlib.import_module("llama_cpp.llama_speculative")
        drafts["draft_model"] = speculative.LlamaPromptLookupDecoding(num_pred_tokens=setup["lookup"])
    llama = library.Llama(
        model_path=setup["model"],
        n_ctx=setup["room"] + setup["lookup"] + 1,
        n_batch=BATCH,
        n_ubatch=BATCH,
        n_threads=setup["threads"],
        n_threads_batch=setup["threads"],
        flash_attn=setup["flash"],
        verbose=False,
        **drafts,
    )

    def write(prompt: Sequence[int], limit: int, ends: Collection[int]) -> Answer:
        llama.reset()  # What it has read of an earlier prompt would cost nothing.
        return _timed(lambda: llama.generate(prompt, temp=0.0), limit, ends)

    shape = {key: int(value) for key, value in llama.metadata.items() if key.endswith((".block_count", "_length"))}
    return write, {"version": library.__version__, "vocabulary": llama.n_vocab(), "shape": shape}


def _dejavuu(setup: Mapping[str, Any]) -> tuple[Write, Answer]:
    """A Hugging Face folder in dejavuu, as its ``DejaVu.generate`` runs it, but in token ids."""
    torch = importlib.import_module("torch")
    loaded = importlib.import_module("dejavuu").DejaVu.from_pretrained(
        setup["model"], backend="hf", device="cpu", dtype=setup["dtype"], method=DEJAVUU_METHOD
    )
    generate = importlib.import_module("dejavuu.core.engine").generate
    make_drafter = importlib.import_module("dejavuu.drafters").make_drafter
    torch.set_num_threads(setup["threads"])

    def write(prompt: Sequence[int], limit: int, ends: Collection[int]) -> Answer:
        written: list[int] = []
        seconds: list[float] = []

        def wrote(token: int, _accepted: bool) -> None:
            seconds.append(time.perf_counter() - started)
            written.append(token)

        started = time.perf_counter()
        # It knows one end token; what it writes after another is cut by whoever asked.
        end = next(iter(ends), None)
        generate(loaded.model, list(prompt), limit, make_drafter(DEJAVUU_METHOD), DEJAVUU_BUDGET, end, on_emit=wrote)
        return {"tokens": written, "seconds": seconds}

    version = importlib.import_module("importlib.metadata").version("dejavuu")
    return write, {"version": version, "vocabulary": loaded.proc.vocab_size, "shape": {}}


def _timed(generate: Callable[[], Iterable[int]], limit: int, ends: Collection[int]) -> Answer:
    started = time.perf_counter()
    written: list[int] = []
    seconds: list[float] = []
    for token in generate():
        seconds.append(time.perf_counter() - started)
        written.append(int(token))
        if token in ends or len(written) == limit:
            break
    return {"tokens": written, "seconds": seconds}


_PROGRAMS: Mapping[str, Callable[[Mapping[str, Any]], tuple[Write, Answer]]] = MappingProxyType(
    {"llama-cpp": _llama_cpp, "dejavuu": _dejavuu}
)

if __name__ == "__main__":
    main()
