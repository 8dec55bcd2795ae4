"""``spandraft bench replay``: how many recorded tokens a step of drafting would have covered, without a model.

"Forced decoding", as LLMA's authors measured (Yang et al. 2023): the target's choice is taken from a recorded
output. A step is one target forward after prefill; tokens include the end token.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tokenizers import Tokenizer

from app.bench.records import is_texts, read_records
from app.bench.report import Report
from app.errors import InputError
from app.settings import Settings
from decoding.acceptance import one_draw
from decoding.budget import Budget
from decoding.drafting import Drafter
from decoding.interfaces import NO_ORIGIN, Commit, Reference, Request
from decoding.sources import DEFAULT_SOURCES, make_sources
from decoding.stats import Stats

METHODS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"autoregressive": (), "prompt-lookup": ("prompt-lookup",), "spandraft": DEFAULT_SOURCES}
)
BUNDLED_TOKENIZER = Path(__file__).parents[1] / "models" / "target" / "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded generation in token ids; the output ends with the end token."""

    request: Request
    output: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What replaying one trace took."""

    stats: Stats
    draft_s: tuple[float, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("file", type=Path, help="recorded outputs, one JSON object a line")
    parser.add_argument("--budget", type=int, default=32, help="draft nodes a step at most (default 32)")
    parser.add_argument("--methods", default=",".join(METHODS), help=f"of {', '.join(METHODS)}")
    parser.add_argument("--tokenizer", type=Path, default=BUNDLED_TOKENIZER, help="a tokenizer.json")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Replay every record with every method."""
    names = [name.strip() for name in args.methods.split(",")]
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise InputError(f"There is no method {unknown[0]!r}.", hint=f"Known: {', '.join(METHODS)}.")
    if args.budget < 0:
        raise InputError(f"The budget is {args.budget}.", hint="Give the number of draft nodes a step, 0 or more.")
    traces = read_traces(args.file, load_tokenizer(args.tokenizer))
    command = f"spandraft bench replay {args.file.name} --budget {args.budget} --methods {args.methods}"
    return Report.of(command, (row(name, traces, args.budget) for name in names))


def row(method: str, traces: Sequence[Trace], budget: int) -> dict[str, object]:
    """The figures of one method over all traces."""
    replays = [replay(trace, METHODS[method], budget) for trace in traces]
    steps = sum(one.stats.target_forwards for one in replays)
    tokens = sum(one.stats.tokens for one in replays)
    return {
        "method": method,
        "mean_acceptance_length": tokens / steps,
        "drafted_per_step": sum(one.stats.drafted for one in replays) / steps,
        "draft_us_per_step": 1e6 * statistics.median(spent for one in replays for spent in one.draft_s),
        "steps": steps,
        "tokens": tokens,
    }


def replay(trace: Trace, sources: Sequence[str], budget: int) -> Replayed:
    """Draft, and let the recorded output be the target's choice, to its end."""
    output = trace.output
    drafter = Drafter(make_sources(sources), budget=Budget(limit=budget), vocab_size=2**31)
    drafter.start(trace.request)
    stats, written, draft_s = Stats(), list[int](), list[float]()
    while len(written) < len(output):
        started = time.perf_counter()
        root = written[-1] if written else trace.request.prompt[-1]
        candidates = drafter.draft(written, root=root, max_depth=len(output) - len(written))
        (tree,) = drafter.budget.cut([candidates])
        draft_s.append(time.perf_counter() - started)
        recorded: Iterator[int] = iter(output[len(written) :])
        walk = one_draw(tree, lambda _: next(recorded), lambda token: token == output[-1])  # noqa: B023
        written.extend(walk.tokens)
        stats.record(tree, walk.path, len(walk.tokens))
        own = len(walk.tokens) - len(walk.path)
        names = (*(tree.sources[node] for node in walk.path), *[()] * own)
        drafter.observe(Commit(walk.tokens, names, (NO_ORIGIN,) * len(walk.tokens)))
    drafter.finish()
    if drafter.failed:
        raise InputError(f"A draft source failed: {drafter.failed}", hint="This is a defect; please report it.")
    return Replayed(stats, tuple(draft_s))


def read_traces(file: Path, tokenizer: Tokenizer) -> list[Trace]:
    """Records told apart by their fields: answer, summary, grammar (first reference)."""
    end = tokenizer.get_vocab_size()

    def parse(record: dict[str, Any]) -> Trace | None:
        match record:
            case {"source": str(source), "references": [str(target), *_]}:
                return _trace(tokenizer, [f"Correct the text.\n{source}\n"], target, source, end)
            case {"prompt": str(prompt), "output": str(output)}:
                return _trace(tokenizer, [prompt], output, None, end)
            case {"question": str(question), "passages": passages, "output": str(output)} if is_texts(passages):
                texts = [f"{passage}\n" for passage in passages]
                return _trace(tokenizer, [*texts, f"Question: {question}\nAnswer:"], f" {output}", None, end)
        return None

    return read_records(file, parse, form="question, passages, output; or prompt, output; or source, references")


def _trace(tokenizer: Tokenizer, pieces: Iterable[str], output: str, source: str | None, end: int) -> Trace:
    prompt = tuple(token for piece in pieces for token in _encode(tokenizer, piece))
    references = () if source is None else (Reference(_encode(tokenizer, source), cursor=True),)
    ids = (*_encode(tokenizer, output), end)
    return Trace(Request(prompt, len(ids), references=references, eos_ids=frozenset({end})), ids)


def _encode(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text, add_special_tokens=False).ids)


def load_tokenizer(file: Path) -> Tokenizer:
    """Read a tokenizer.json."""
    if not file.is_file():
        raise InputError(f"There is no tokenizer at {file}.", hint="Give the path of a tokenizer.json.")
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises bare Exception
        raise InputError(f"{file} is no tokenizer: {error}", hint="Give the path of a tokenizer.json.") from error
